import { stripVTControlCharacters } from "node:util";
import { defineCommand, renderUsage, runCommand, type ArgsDef, type CommandDef } from "citty";
import packageJson from "../package.json" with { type: "json" };
import { convert } from "./commands/convert.js";
import { doctor } from "./commands/doctor.js";
import { generate } from "./commands/generate.js";
import { inspect } from "./commands/inspect.js";
import { score } from "./commands/score.js";
import { train } from "./commands/train.js";
import { toCitty, type Command } from "./terminal/command.js";
import { errorKind, errorText, EXIT, exitCode, isUsageError } from "./terminal/exit-codes.js";
import { processTerminal, type Terminal } from "./terminal/terminal.js";

const COMMANDS = { train, generate, score, inspect, convert, doctor } as unknown as Record<string, Command<ArgsDef>>;
const EXIT_CODES = "Exit codes: 0 ok, 1 failure, 2 wrong usage or config, 130 interrupted. MOEKIT_DEBUG=1 shows where an error came from.";

/** Runs the command line and returns its exit code; never throws. */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  let code: number = EXIT.ok;
  const root = rootCommand(terminal, (finished) => (code = finished));
  const name = argv[0] ?? "";
  try {
    if (argv.length === 1 && name === "--version") terminal.write(`${packageJson.version}\n`);
    else if (argv.length === 0 || argv.some((arg) => arg === "--help" || arg === "-h")) terminal.write(await help(root, name, terminal));
    else await runCommand(root, { rawArgs: [...argv] });
    return argv.length === 0 ? EXIT.usage : code;
  } catch (error) {
    return failure(error, name, argv, terminal);
  }
}

function rootCommand(terminal: Terminal, finished: (code: number) => void): CommandDef {
  const entries = Object.entries(COMMANDS).map(([name, definition]) => [name, toCitty(definition, terminal, finished)]);
  // Without a prototype, or citty would take "constructor" for a command.
  const subCommands = Object.assign(Object.create(null) as Record<string, CommandDef>, Object.fromEntries(entries));
  return defineCommand({ meta: { name: "moekit", version: packageJson.version, description: packageJson.description }, subCommands });
}

async function help(root: CommandDef, name: string, terminal: Terminal): Promise<string> {
  const known = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : undefined;
  const usage = known ? await renderUsage(toCitty(known, terminal, () => {}), root) : await renderUsage(root);
  const text = `${usage}\n${known ? `\nExample: ${known.example}\n` : ""}\n${EXIT_CODES}\n`;
  return terminal.isTerminal ? text : stripVTControlCharacters(text);
}

function failure(error: unknown, name: string, argv: readonly string[], terminal: Terminal): number {
  const message = stripVTControlCharacters(errorText(error));
  const command = Object.hasOwn(COMMANDS, name) ? `moekit ${name}` : "moekit";
  if (argv.includes("--json")) terminal.write(`${JSON.stringify({ kind: "error", error: { kind: errorKind(error), message } })}\n`);
  terminal.note(`${command}: ${message}`);
  if (isUsageError(error)) terminal.note(`Try: ${command} --help`);
  return exitCode(error);
}
