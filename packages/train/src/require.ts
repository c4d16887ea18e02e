import { ConfigError } from "@moekit/core";

type Settings = Readonly<Record<string, number>>;

/** Throws a ConfigError naming the first setting that is not a number of at least `least`. */
export function requireAtLeast(where: string, settings: Settings, least: number): void {
  for (const [name, value] of Object.entries(settings))
    if (!(value >= least) || value === Infinity) throw new ConfigError(`${where}: ${name} must be a number of at least ${least}; got ${value}.`);
}

/** Throws a ConfigError naming the first setting that exceeds `most`. */
export function requireAtMost(where: string, settings: Settings, most: number): void {
  for (const [name, value] of Object.entries(settings))
    if (!(value <= most)) throw new ConfigError(`${where}: ${name} must be at most ${most}; got ${value}.`);
}

/** Throws a ConfigError naming the first setting that is not a whole number of at least `least`. */
export function requireWhole(where: string, settings: Settings, least: number): void {
  for (const [name, value] of Object.entries(settings))
    if (!Number.isInteger(value) || value < least) throw new ConfigError(`${where}: ${name} must be a whole number of at least ${least}; got ${value}.`);
}
