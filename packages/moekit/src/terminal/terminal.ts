/**
 * Where commands write, and how they hear of Ctrl-C. Tests bring their own.
 * @example const silent: Terminal = { write: () => {}, note: () => {}, isTerminal: false, onInterrupt: () => () => {} };
 */
export interface Terminal {
  /** Writes to standard output as it is. */
  write(text: string): void;
  /** Writes a line to standard error. */
  note(line: string): void;
  /** True if a person looks at standard output: colours are welcome. */
  readonly isTerminal: boolean;
  /** Where a progress bar may be drawn; left out where nobody would see it move. */
  readonly barStream?: NodeJS.WriteStream;
  /** Calls `handler` on Ctrl-C and on a request to end. @returns A function that ends this. */
  onInterrupt(handler: () => void): () => void;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const colours = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  return {
    write: (text) => void process.stdout.write(text),
    note: (line) => void process.stderr.write(`${line}\n`),
    isTerminal: Boolean(colours),
    barStream: process.stderr.isTTY ? process.stderr : undefined,
    onInterrupt(handler) {
      for (const signal of SIGNALS) process.on(signal, handler);
      return () => SIGNALS.forEach((signal) => process.off(signal, handler));
    },
  };
}
