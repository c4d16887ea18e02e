import type { ByteSource } from "../io/byte-source.js";
import { HeaderCursor } from "./header-cursor.js";
import { GgufMetadata } from "./metadata.js";
import { readValue } from "./read-value.js";
import { tensorBytes, typeFacts, typeOfId, type GgufTensorType } from "./tensor-types.js";

/**
 * Where a tensor lies in its file and what it is.
 * @example const { type, shape } = file.tensors.get("output_norm.weight")!;
 */
export interface GgufTensorInfo {
  readonly type: GgufTensorType;
  /** Row-major: the last axis is contiguous (files list the axes in the opposite order). */
  readonly shape: readonly number[];
  /** Position of the first byte in the file. */
  readonly begin: number;
  /** Position after the last byte. */
  readonly end: number;
}

/** The validated header of a file. */
export interface GgufHeader {
  readonly version: number;
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>;
}

export const MAGIC = 0x46554747;
export const DEFAULT_ALIGNMENT = 32;
export const MAX_NAME_BYTES = 64;
const MAX_DIMS = 4;
/** The largest models have some ten thousand tensors. */
const MAX_TENSORS = 1 << 18;
const MAX_KEYS = 1 << 16;
/** Fewest bytes of a key with its value, and of a tensor's entry. */
const [KEY_BYTES, INFO_BYTES] = [13, 24];

/** Reads and validates the header of a GGUF file, and nothing after it. */
export async function readHeader(source: ByteSource): Promise<GgufHeader> {
  const cursor = new HeaderCursor(source);
  const version = await readVersion(cursor);
  const numTensors = await cursor.count("the number of tensors", INFO_BYTES);
  const numKeys = await cursor.count("the number of metadata keys", KEY_BYTES);
  if (numTensors > MAX_TENSORS) cursor.fail(`${numTensors} tensors are more than the ${MAX_TENSORS} that are allowed.`);
  if (numKeys > MAX_KEYS) cursor.fail(`${numKeys} metadata keys are more than the ${MAX_KEYS} that are allowed.`);
  const metadata = await readMetadata(cursor, numKeys);
  const alignment = readAlignment(cursor, metadata);
  const raw = await readInfos(cursor, numTensors);
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  return { version, metadata, tensors: place(cursor, raw, { dataStart, alignment, fileSize: source.size }) };
}

async function readVersion(cursor: HeaderCursor): Promise<number> {
  if ((await cursor.u32()) !== MAGIC) cursor.fail("the first bytes are not GGUF; this is not a GGUF file.");
  const version = await cursor.u32();
  if ((version & 0xffff) === 0 && version !== 0) cursor.fail("the file is big-endian; write it again as little-endian.");
  if (version !== 2 && version !== 3) cursor.fail(`the version is ${version}; 2 and 3 can be read. Convert the model again with a current llama.cpp.`);
  return version;
}

async function readMetadata(cursor: HeaderCursor, count: number): Promise<GgufMetadata> {
  const metadata = new GgufMetadata();
  for (let i = 0; i < count; i++) {
    const key = await cursor.string("a metadata key");
    if (metadata.has(key)) cursor.fail(`the metadata has the key "${key}" twice.`);
    metadata.set(key, await readValue(cursor, key));
  }
  return metadata;
}

function readAlignment(cursor: HeaderCursor, metadata: GgufMetadata): number {
  const found = metadata.get("general.alignment");
  if (!found) return DEFAULT_ALIGNMENT;
  const { type, value } = found;
  if (type !== "u32" || (value as number) === 0 || ((value as number) & ((value as number) - 1)) !== 0) cursor.fail(`general.alignment must be a u32 and a power of two; it is ${type} ${String(value).slice(0, 100)}.`);
  return value as number;
}

interface RawInfo {
  readonly type: GgufTensorType;
  readonly shape: readonly number[];
  readonly offset: bigint;
}

async function readInfos(cursor: HeaderCursor, count: number): Promise<Map<string, RawInfo>> {
  const infos = new Map<string, RawInfo>();
  for (let i = 0; i < count; i++) {
    const name = await cursor.string("a tensor name");
    if (name.length > MAX_NAME_BYTES || Buffer.byteLength(name) > MAX_NAME_BYTES) cursor.fail(`the tensor name "${name.slice(0, 80)}" is longer than ${MAX_NAME_BYTES} bytes.`);
    if (infos.has(name)) cursor.fail(`there are two tensors "${name}".`);
    infos.set(name, await readInfo(cursor, name));
  }
  return infos;
}

async function readInfo(cursor: HeaderCursor, name: string): Promise<RawInfo> {
  const rank = await cursor.u32();
  if (rank > MAX_DIMS) cursor.fail(`tensor "${name}" has ${rank} axes; at most ${MAX_DIMS} are allowed.`);
  const dims: bigint[] = [];
  for (let axis = 0; axis < rank; axis++) dims.push(await cursor.u64());
  const total = dims.reduce((a, b) => a * b, 1n);
  if (total === 0n) cursor.fail(`tensor "${name}" has the shape [${dims.reverse().join(", ")}]; sizes must be at least 1.`);
  if (total > Number.MAX_SAFE_INTEGER) cursor.fail(`tensor "${name}" has the shape [${dims.reverse().join(", ")}]; it is too large for any file.`);
  const id = await cursor.u32();
  const type = typeOfId(id) ?? cursor.fail(`tensor "${name}" has the type ${id}, which is unknown or was withdrawn.`);
  const rowLength = Number(dims[0] ?? 1n);
  if (rowLength % typeFacts(type).blockSize !== 0) cursor.fail(`tensor "${name}" of ${type} has rows of ${rowLength}; they must be a multiple of ${typeFacts(type).blockSize}.`);
  return { type, shape: dims.reverse().map(Number), offset: await cursor.u64() };
}

/** Every tensor must lie within the file, aligned, and share no byte with another. */
function place(cursor: HeaderCursor, raw: ReadonlyMap<string, RawInfo>, { dataStart, alignment, fileSize }: { dataStart: number; alignment: number; fileSize: number }): Map<string, GgufTensorInfo> {
  const tensors = new Map<string, GgufTensorInfo>();
  for (const [name, { type, shape, offset }] of raw) {
    if (offset % BigInt(alignment) !== 0n) cursor.fail(`tensor "${name}" has the offset ${offset}; it must be a multiple of the alignment ${alignment}.`);
    const bytes = tensorBytes(type, shape.reduce((a, b) => a * b, 1));
    if (BigInt(dataStart) + offset + BigInt(bytes) > BigInt(fileSize)) cursor.fail(`tensor "${name}" [${shape.join(", ")}] of ${type} at the offset ${offset} needs ${bytes} bytes, but the file ends before; it is truncated.`);
    const begin = dataStart + Number(offset);
    tensors.set(name, { type, shape, begin, end: begin + bytes });
  }
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  inOrder.forEach(([name, { begin }], i) => {
    if (i > 0 && begin < inOrder[i - 1]![1].end) cursor.fail(`the tensors "${inOrder[i - 1]![0]}" and "${name}" overlap.`);
  });
  return tensors;
}
