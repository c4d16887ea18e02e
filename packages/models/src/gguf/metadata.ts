import { CheckpointError } from "@moekit/core";

/** Value types in the order of their ids in the specification. */
export const VALUE_TYPES: readonly GgufValueType[] = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"];

/**
 * The type of a metadata value.
 * @example const type: GgufValueType = "u32";
 */
export type GgufValueType = "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "f32" | "bool" | "string" | "array" | "u64" | "i64" | "f64";

/**
 * One metadata value with its type. `u64` and `i64` are bigints where a number would not be exact. Arrays of numbers are
 * typed arrays, arrays of arrays hold values again.
 * @example const value: GgufValue = { type: "u32", value: 8 };
 */
export type GgufValue =
  | { readonly type: Exclude<GgufValueType, "array">; readonly value: number | bigint | boolean | string }
  | { readonly type: "array"; readonly of: GgufValueType; readonly value: GgufArray };

/** The elements of an array. @example const tokens: GgufArray = ["<s>", "</s>"]; */
export type GgufArray =
  | (Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array | BigUint64Array | BigInt64Array)
  | readonly boolean[]
  | readonly string[]
  | readonly GgufValue[];

export type NumberArray = Extract<GgufArray, ArrayBufferView>;

/** Arrays of the types whose elements lie in files as they lie in memory. */
export const NUMBER_ARRAYS = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f64: Float64Array,
} as const;

/**
 * Metadata of a file by key, in the order of the file, with readers that check types.
 * @example metadata.count("llama.block_count");
 */
export class GgufMetadata extends Map<string, GgufValue> {
  /** A string, or `fallback` where the key is missing. @throws CheckpointError if it is of another type, or missing without fallback. */
  text(key: string, fallback?: string): string {
    return this.typed(key, "a string", (value) => (typeof value === "string" ? value : undefined), fallback);
  }

  /** A number of any type. @throws CheckpointError as {@link text} does. */
  number(key: string, fallback?: number): number {
    return this.typed(key, "a number", (value) => (typeof value === "number" ? value : undefined), fallback);
  }

  /** A whole number from 0. @throws CheckpointError as {@link text} does. */
  count(key: string, fallback?: number): number {
    return this.typed(key, "a whole number from 0", (value) => (Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined), fallback);
  }

  /** True or false. @throws CheckpointError as {@link text} does. */
  flag(key: string, fallback?: boolean): boolean {
    return this.typed(key, "true or false", (value) => (typeof value === "boolean" ? value : undefined), fallback);
  }

  /** An array of strings. @throws CheckpointError as {@link text} does. */
  texts(key: string, fallback?: readonly string[]): readonly string[] {
    const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((one) => typeof one === "string");
    return this.typed(key, "an array of strings", (value) => (isTexts(value) ? value : undefined), fallback);
  }

  /** An array of numbers (or of flags, as 0 and 1). @throws CheckpointError as {@link text} does. */
  numbers(key: string, fallback?: readonly number[]): readonly number[] {
    return this.typed(key, "an array of numbers", toNumbers, fallback);
  }

  private typed<T>(key: string, what: string, convert: (value: unknown) => T | undefined, fallback?: T): T {
    const found = this.get(key);
    if (!found && fallback !== undefined) return fallback;
    if (!found) throw new CheckpointError(`readGguf: the metadata has no "${key}"; it must be ${what}.`);
    const value = convert(found.value);
    if (value === undefined) throw new CheckpointError(`readGguf: the metadata "${key}" must be ${what}; it is ${found.type === "array" ? `an array of ${found.of}` : `${found.type} ${String(found.value).slice(0, 100)}`}.`);
    return value;
  }
}

function toNumbers(value: unknown): readonly number[] | undefined {
  if (value instanceof BigUint64Array || value instanceof BigInt64Array) return Array.from(value, Number);
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array);
  return Array.isArray(value) && value.every((one) => typeof one === "boolean") ? value.map(Number) : undefined;
}
