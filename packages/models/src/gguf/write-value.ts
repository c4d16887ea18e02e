import { CheckpointError } from "@moekit/core";
import { NUMBER_ARRAYS, VALUE_TYPES, type GgufArray, type GgufValue, type GgufValueType } from "./metadata.js";

type ScalarType = Exclude<GgufValueType, "array">;

/** The bytes of a value with its type, as they follow its key. @throws CheckpointError naming `key` if the value is not of its type. */
export function valueBytes(key: string, entry: GgufValue): Uint8Array {
  const head = u32Bytes(VALUE_TYPES.indexOf(entry.type));
  return concat([head, entry.type === "array" ? arrayBytes(key, entry.of, entry.value) : itemsBytes(key, entry.type, [entry.value])]);
}

/** A length and the text in UTF-8. */
export function stringBytes(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return concat([u64Bytes(bytes.length), bytes]);
}

export const u32Bytes = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
export const u64Bytes = (value: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function arrayBytes(key: string, of: GgufValueType, value: GgufArray): Uint8Array {
  return concat([u32Bytes(VALUE_TYPES.indexOf(of)), u64Bytes(value.length), of === "array" ? concat((value as readonly GgufValue[]).map((inner) => innerBytes(key, inner))) : itemsBytes(key, of, value as readonly unknown[])]);
}

/** An array in an array; its type is that of the outer one's elements, and is not repeated. */
function innerBytes(key: string, inner: GgufValue): Uint8Array {
  if (inner.type !== "array") throw new CheckpointError(`writeGguf: the metadata "${key}" must be an array of arrays; it has ${inner.type}.`);
  return arrayBytes(key, inner.of, inner.value);
}

function itemsBytes(key: string, type: ScalarType, items: ArrayLike<unknown>): Uint8Array {
  const fail = (item: unknown): never => {
    throw new CheckpointError(`writeGguf: the metadata "${key}" must be ${type}; got ${String(item).slice(0, 100)}.`);
  };
  if (type === "string") return concat(Array.from(items, (item) => (typeof item === "string" ? stringBytes(item) : fail(item))));
  if (type === "bool") return Uint8Array.from(items as ArrayLike<unknown>, (item) => (typeof item === "boolean" ? Number(item) : fail(item)));
  return numberBytes(type, items, fail);
}

function numberBytes(type: keyof typeof NUMBER_ARRAYS, items: ArrayLike<unknown>, fail: (item: unknown) => never): Uint8Array {
  const long = type === "u64" || type === "i64";
  const array = new NUMBER_ARRAYS[type](items.length);
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (typeof item !== "number" && !(long && typeof item === "bigint")) fail(item);
    const exact = type !== "f32" && type !== "f64";
    if (exact && typeof item === "number" && !Number.isInteger(item)) fail(item);
    array[i] = (long ? BigInt(item as number) : item) as never;
    // An integer that does not fit comes back as another one.
    if (exact && Number(array[i]) !== Number(item)) fail(item);
  }
  return new Uint8Array(array.buffer);
}
