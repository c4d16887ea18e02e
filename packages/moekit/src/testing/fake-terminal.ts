import type { Terminal } from "../terminal/terminal.js";
import { main } from "../main.js";

/** What a command left behind. */
export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly notes: string;
}

/** Runs `moekit` in this process, as if its output went to a file. `onWrite` may press Ctrl-C. */
export async function moekit(argv: readonly string[], onWrite: (text: string, pressCtrlC: () => void) => void = () => {}, isTerminal = false): Promise<Finished> {
  let [out, notes] = ["", ""];
  const handlers = new Set<() => void>();
  const terminal: Terminal = {
    write: (text) => {
      out += text;
      onWrite(text, () => handlers.forEach((handler) => handler()));
    },
    note: (line) => void (notes += `${line}\n`),
    isTerminal,
    onInterrupt: (handler) => {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
  };
  const code = await main(argv, terminal);
  return { code, out, notes };
}

/** The JSON lines of an output. */
export function jsonLines<T = Record<string, unknown>>(out: string): T[] {
  return out.trim().split("\n").map((line) => JSON.parse(line) as T);
}
