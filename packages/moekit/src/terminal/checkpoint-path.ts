import { resolveCheckpoint } from "@moekit/models";
import { progressBar } from "./progress-bar.js";
import { interruptible } from "./interruptible.js";
import type { Terminal } from "./terminal.js";

/** The path of the model that a user names: a folder, a `.gguf` file, or an id of the Hugging Face Hub, downloaded with progress. */
export async function checkpointPath(name: string, terminal: Terminal): Promise<string> {
  const bars = new Map<string, ReturnType<typeof progressBar>>();
  const shown = (path: string, size: number) => {
    if (!bars.has(path)) bars.set(path, progressBar(terminal, path, size));
    return bars.get(path)!;
  };
  return interruptible(terminal, (signal) =>
    resolveCheckpoint(name, {
      signal,
      onProgress: ({ path, bytes, size }) => shown(path, size)(bytes),
    }),
  );
}
