import type { HeaderCursor } from "./header-cursor.js";
import { NUMBER_ARRAYS, VALUE_TYPES, type GgufArray, type GgufValue, type GgufValueType } from "./metadata.js";

/** Arrays may hold arrays; no file in use goes deeper than one. */
const MAX_DEPTH = 4;

/** Reads a value with its type. @param of - What error messages call it. */
export async function readValue(cursor: HeaderCursor, of: string): Promise<GgufValue> {
  const type = await readType(cursor, of);
  return type === "array" ? readArray(cursor, of, 1) : { type, value: await readScalar(cursor, type, of) };
}

async function readType(cursor: HeaderCursor, of: string): Promise<GgufValueType> {
  const id = await cursor.u32();
  return VALUE_TYPES[id] ?? cursor.fail(`the metadata "${of.slice(0, 100)}" has the value type ${id}; known are 0 to ${VALUE_TYPES.length - 1}.`);
}

async function readScalar(cursor: HeaderCursor, type: Exclude<GgufValueType, "array">, of: string): Promise<number | bigint | boolean | string> {
  if (type === "string") return cursor.string(`the metadata "${of}"`);
  const [value] = await readElements(cursor, type, 1, of);
  return typeof value === "bigint" && BigInt.asIntN(54, value) === value ? Number(value) : value!;
}

async function readArray(cursor: HeaderCursor, of: string, depth: number): Promise<GgufValue> {
  if (depth > MAX_DEPTH) cursor.fail(`the metadata "${of.slice(0, 100)}" has arrays in arrays deeper than ${MAX_DEPTH}.`);
  const type = await readType(cursor, of);
  const count = await cursor.count(`the number of elements of "${of.slice(0, 100)}"`, fewestBytes(type));
  return { type: "array", of: type, value: await readItems(cursor, type, count, of, depth) };
}

async function readItems(cursor: HeaderCursor, type: GgufValueType, count: number, of: string, depth: number): Promise<GgufArray> {
  if (type === "string") return cursor.strings(count, `the metadata "${of}"`);
  if (type !== "array") return readElements(cursor, type, count, of);
  const all: GgufValue[] = [];
  for (let i = 0; i < count; i++) all.push(await readArray(cursor, of, depth + 1));
  return all;
}

/** An array's own head has a type and a count, a string's a length. */
function fewestBytes(type: GgufValueType): number {
  if (type === "array") return 12;
  return type === "string" ? 8 : type === "bool" ? 1 : NUMBER_ARRAYS[type].BYTES_PER_ELEMENT;
}

async function readElements(cursor: HeaderCursor, type: Exclude<GgufValueType, "array" | "string">, count: number, of: string): Promise<Exclude<GgufArray, readonly string[] | readonly GgufValue[]>> {
  const bytes = await cursor.bytes(count * fewestBytes(type), `the metadata "${of}"`);
  if (type !== "bool") return new NUMBER_ARRAYS[type](bytes.slice().buffer);
  const wrong = bytes.find((byte) => byte > 1);
  if (wrong !== undefined) cursor.fail(`the metadata "${of.slice(0, 100)}" must be true or false (0 or 1); it has ${wrong}.`);
  return Array.from(bytes, (byte) => byte === 1);
}
