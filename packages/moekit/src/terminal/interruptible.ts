import type { Terminal } from "./terminal.js";

/**
 * Runs an action whose signal is aborted by the first Ctrl-C, so that it can finish its step and save. The second one ends
 * the process at once, with code 130.
 */
export async function interruptible<T>(terminal: Terminal, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = terminal.onInterrupt(() => {
    if (controller.signal.aborted) process.exit(130);
    terminal.note("\nstopping after this step; press Ctrl-C again to stop at once");
    controller.abort(new InterruptedError());
  });
  try {
    return await action(controller.signal);
  } finally {
    stop();
  }
}

/** The user pressed Ctrl-C. */
export class InterruptedError extends Error {
  constructor() {
    super("interrupted");
    this.name = "InterruptedError";
  }
}
