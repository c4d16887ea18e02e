import { ConfigError } from "@moekit/core";

/** Throws a ConfigError unless `value` is one of `known`. */
export function checkOneOf(where: string, name: string, value: unknown, known: readonly string[]): void {
  if (known.includes(value as string)) return;
  throw new ConfigError(`${where}: ${name} must be ${known.join(" or ")}; got ${JSON.stringify(value)}.`);
}

/** Throws a ConfigError unless `value` is a finite number of at least 0. */
export function checkWeight(where: string, name: string, value: unknown): void {
  if (Number.isFinite(value) && (value as number) >= 0) return;
  throw new ConfigError(`${where}: ${name} must be a number of 0 or more; got ${String(value)}.`);
}

/** Throws a ConfigError unless `value` is true or false. */
export function checkBoolean(where: string, name: string, value: unknown): void {
  if (typeof value !== "boolean") throw new ConfigError(`${where}: ${name} must be true or false; got ${JSON.stringify(value)}.`);
}

/** Throws a ConfigError unless `value` is a whole number of at least 1. */
export function checkWholeFromOne(where: string, name: string, value: unknown): void {
  if (!(Number.isInteger(value) && (value as number) >= 1)) throw new ConfigError(`${where}: ${name} must be a whole number from 1 up; got ${JSON.stringify(value)}.`);
}
