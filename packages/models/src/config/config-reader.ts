import { ConfigError } from "@moekit/core";

/** Reads a JSON object key by key, checks each value, and knows which keys nobody asked for. A null counts as left out. */
export class ConfigReader {
  private readonly known = new Set<string>();
  private readonly ignored = new Set<string>();

  constructor(
    private readonly json: Readonly<Record<string, unknown>>,
    private readonly where = "config.json",
  ) {}

  /** A whole number of at least 1. */
  size(key: string, fallback?: number): number {
    return this.value(key, fallback, "a whole number of at least 1", (value) => Number.isSafeInteger(value) && (value as number) >= 1);
  }

  /** A whole number of at least 0. */
  count(key: string, fallback?: number): number {
    return this.value(key, fallback, "a whole number of at least 0", (value) => Number.isSafeInteger(value) && (value as number) >= 0);
  }

  /** A whole number. */
  integer(key: string, fallback?: number): number {
    return this.value(key, fallback, "a whole number", Number.isSafeInteger);
  }

  /** A number above 0. */
  positive(key: string, fallback?: number): number {
    return this.value(key, fallback, "a number above 0", (value) => Number.isFinite(value) && (value as number) > 0);
  }

  /** A number of at least 0. */
  nonNegative(key: string, fallback?: number): number {
    return this.value(key, fallback, "a number of at least 0", (value) => Number.isFinite(value) && (value as number) >= 0);
  }

  /** A share of something: a number from 0 to below 1. */
  rate(key: string, fallback?: number): number {
    return this.value(key, fallback, "a number from 0 to below 1", (value) => Number.isFinite(value) && (value as number) >= 0 && (value as number) < 1);
  }

  flag(key: string, fallback: boolean): boolean {
    return this.value(key, fallback, "true or false", (value) => typeof value === "boolean");
  }

  /** True or false; older files have a number in its place, of which only 0 is false. */
  flagOrNumber(key: string, fallback: boolean): boolean {
    return Boolean(this.value<boolean | number>(key, fallback, "true, false or a number", (value) => typeof value === "boolean" || Number.isFinite(value)));
  }

  text(key: string, fallback?: string): string {
    return this.value(key, fallback, "a string", (value) => typeof value === "string");
  }

  /** A list of whole numbers from 0; empty when left out. */
  counts(key: string): number[] {
    const isCounts = (value: unknown) => Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
    return this.value(key, [], "a list of whole numbers from 0", isCounts);
  }

  /** A list of `length` numbers above 0. */
  numbers(key: string, length: number): number[] {
    const isNumbers = (value: unknown) => Array.isArray(value) && value.length === length && value.every((item) => Number.isFinite(item) && item > 0);
    return this.value<number[]>(key, undefined, `a list of ${length} numbers above 0`, isNumbers);
  }

  /** A list of `length` words, each among those allowed; undefined when left out. */
  words(key: string, length: number, allowed: readonly string[]): string[] | undefined {
    if (!this.has(key)) return undefined;
    const isWords = (value: unknown) => Array.isArray(value) && value.length === length && value.every((item) => allowed.includes(item as string));
    return this.value<string[]>(key, undefined, `a list of ${length} of ${allowed.join(", ")}`, isWords);
  }

  /** A token id or a list of them; empty when left out. */
  idOrIds(key: string): number[] {
    const isId = (id: unknown) => Number.isSafeInteger(id) && (id as number) >= 0;
    const ids = this.value<number | number[]>(key, [], "a token id or a list of them", (value) => (Array.isArray(value) ? value.every(isId) : isId(value)));
    return typeof ids === "number" ? [ids] : ids;
  }

  /** True if the key has a list. */
  isList(key: string): boolean {
    return this.has(key) && Array.isArray(this.json[key]);
  }

  /** True if the key is -1, by which some files say "to the end". */
  isMinusOne(key: string): boolean {
    return this.has(key) && this.json[key] === -1;
  }

  /** True if the key is there and not null. */
  has(key: string): boolean {
    this.known.add(key);
    return this.json[key] !== undefined && this.json[key] !== null;
  }

  /** True if the key is there and null, where that means something else than leaving it out. */
  isNull(key: string): boolean {
    this.known.add(key);
    return this.json[key] === null;
  }

  /** A nested object; an empty one when left out. */
  object(key: string): ConfigReader {
    const value = this.value(key, {}, "an object", (given) => typeof given === "object" && !Array.isArray(given));
    return new ConfigReader(value, `${this.where}: ${key}`);
  }

  /** A required object of numbers, strings and flags, as it stands. */
  plain(key: string): Record<string, number | string | boolean> {
    const isPlain = (value: unknown) => typeof value === "object" && !Array.isArray(value) && Object.values(value as object).every((item) => ["number", "string", "boolean"].includes(typeof item));
    return this.value<Record<string, number | string | boolean>>(key, undefined, "an object of numbers, strings and flags", isPlain);
  }

  /** Demands the only value that is supported here, where the key is given at all. */
  only(key: string, supported: unknown, why: string): void {
    if (this.has(key) && this.json[key] !== supported) this.fail(`${key} = ${JSON.stringify(this.json[key])} is not supported; ${why}`);
  }

  /** The same for a key that may have a list with a value for each layer. */
  onlyEach(key: string, supported: unknown, why: string): void {
    const given = this.has(key) ? this.json[key] : supported;
    const values: unknown[] = Array.isArray(given) ? given : [given];
    if (values.some((value) => value !== supported)) this.fail(`${key} = ${JSON.stringify(given)} is not supported; ${why}`);
  }

  /** Marks keys that change nothing in what the model computes. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.ignored.add(key);
  }

  /** Throws if there is a key that nobody has asked for: it might change what the model computes. */
  finish(): void {
    const unknown = Object.keys(this.json).filter((key) => !this.known.has(key) && !this.ignored.has(key));
    if (unknown.length > 0) this.fail(`unknown key ${unknown.map((key) => `"${key}"`).join(", ")}. Keys that count are ${[...this.known].sort().join(", ")}.`);
  }

  fail(problem: string): never {
    throw new ConfigError(`parseConfig: ${this.where}: ${problem}`);
  }

  private value<T>(key: string, fallback: T | undefined, expected: string, accepts: (value: unknown) => boolean): T {
    if (!this.has(key)) return fallback ?? this.fail(`"${key}" is missing; it must be ${expected}.`);
    if (!accepts(this.json[key])) this.fail(`"${key}" must be ${expected}; got ${JSON.stringify(this.json[key])}.`);
    return this.json[key] as T;
  }
}
