import type { ArgsDef, CommandDef, ParsedArgs } from "citty";
import { checkFlags } from "./flags.js";
import type { Terminal } from "./terminal.js";

const json = { json: { type: "boolean", description: "Print JSON for machines" } } as const satisfies ArgsDef;

/** The flag of commands that compute. */
export const backendFlag = { backend: { type: "string", default: "auto", valueHint: "name", description: "Where to compute; moekit doctor lists what there is." } } as const satisfies ArgsDef;

/** One command of `moekit`; every command also has `--json`. */
export interface Command<T extends ArgsDef> {
  readonly name: string;
  readonly description: string;
  readonly args: T;
  /** A command line to show in the help. */
  readonly example: string;
  /** @returns The exit code; nothing means 0. */
  run(args: ParsedArgs<T & typeof json>, terminal: Terminal): Promise<number | void>;
}

/** Keeps the types of the flags. */
export function command<const T extends ArgsDef>(definition: Command<T>): Command<T> {
  return definition;
}

/** The command for citty, which parses; `finished` is told the exit code. */
export function toCitty<T extends ArgsDef>({ name, description, args, run }: Command<T>, terminal: Terminal, finished: (code: number) => void): CommandDef {
  const all: ArgsDef = { ...args, ...json };
  return {
    meta: { name, description },
    args: all,
    setup: ({ rawArgs }) => checkFlags(rawArgs, all),
    run: async (context) => finished((await run(context.args as ParsedArgs<T & typeof json>, terminal)) ?? 0),
  };
}
