/** citty reads flags leniently; here the command line is checked: every flag known, with a value where it takes one. */
import { parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import { UsageError } from "./exit-codes.js";

/** Throws a UsageError for unknown flags, missing or superfluous values, and too many arguments. */
export function checkFlags(rawArgs: readonly string[], definitions: ArgsDef): void {
  const flags = Object.entries(definitions).filter(([, { type }]) => type !== "positional");
  const options = Object.fromEntries(flags.map(([name, { type }]) => [name, { type: type === "boolean" ? ("boolean" as const) : ("string" as const) }]));
  const { tokens, positionals } = parseArgs({ args: [...rawArgs], options, strict: false, tokens: true, allowPositionals: true });
  for (const token of tokens) if (token.kind === "option") checkFlag(token.rawName, token.name, token.value, options);
  const places = Object.values(definitions).length - flags.length;
  if (positionals.length > places) throw new UsageError(`unexpected argument "${positionals[places]}"`);
}

function checkFlag(rawName: string, name: string, value: string | undefined, options: Record<string, { type: "boolean" | "string" }>): void {
  const known = Object.hasOwn(options, name) ? options[name] : undefined;
  if (!known) throw new UsageError(`unknown option ${rawName}; the options are ${Object.keys(options).map((option) => `--${option}`).join(", ")}`);
  if (known.type === "boolean" && value !== undefined) throw new UsageError(`${rawName} takes no value; got "${value}"`);
  if (known.type === "string" && (value === undefined || /^--\w/.test(value))) throw new UsageError(`${rawName} needs a value`);
}

/** Range of a number. */
interface Range {
  readonly least?: number;
  readonly above?: number;
  readonly most?: number;
  readonly whole?: boolean;
}

/** The number that a flag was given; undefined if it was not given. @throws UsageError if it is no number in its range. */
export function numberFlag(name: string, text: string | undefined, { least = -Infinity, above = -Infinity, most = Infinity, whole = false }: Range): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && value >= least && value > above && value <= most && (!whole || Number.isInteger(value))) return value;
  const limits = [least > -Infinity ? `of at least ${least}` : "", above > -Infinity ? `above ${above}` : "", most < Infinity ? `at most ${most}` : ""].filter(Boolean).join(" and ");
  throw new UsageError(`--${name} must be a ${whole ? "whole " : ""}number${limits && ` ${limits}`}; got "${text}"`);
}
