import { CheckpointError } from "@moekit/core";
import type { ByteSource } from "../io/byte-source.js";
import { codecOf, knownDtypes, type SafetensorsDtype } from "./dtypes.js";
import { findDuplicateKey } from "./duplicate-keys.js";

/**
 * Where a tensor lies in its file and what it is.
 * @example const { dtype, shape } = file.tensors.get("lm_head.weight")!;
 */
export interface TensorInfo {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Position of the first byte in the file. */
  readonly begin: number;
  /** Position after the last byte. */
  readonly end: number;
}

/** The validated header of a file. */
export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/** The limit of the format's authors; real headers of a few hundred thousand tensors stay far below. */
const MAX_HEADER_BYTES = 100_000_000;
const PREFIX_BYTES = 8;
/** The header, the tensor, its shape. */
const MAX_DEPTH = 3;

/** Reads and validates the header of a safetensors file. Nothing larger than the header itself is allocated. */
export async function readHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const length = await readHeaderLength(source);
  const bytes = new Uint8Array(length);
  await source.read(bytes, PREFIX_BYTES);
  const fail = failIn(source.name);
  const entries = Object.entries(parseObject(bytes, fail));
  const metadata = readMetadata(entries.find(([name]) => name === "__metadata__")?.[1] ?? {}, fail);
  const dataStart = PREFIX_BYTES + length;
  const tensors = new Map<string, TensorInfo>();
  for (const [name, value] of entries) if (name !== "__metadata__") tensors.set(name, readInfo(name, value, dataStart, fail));
  checkLayout(tensors, dataStart, source.size, fail);
  return { metadata, tensors };
}

type Fail = (problem: string) => never;

function failIn(name: string): Fail {
  return (problem) => {
    // Names and shapes of a hostile file can be megabytes long.
    throw new CheckpointError(`readSafetensors: ${name}: ${problem.slice(0, 500)}`);
  };
}

async function readHeaderLength(source: ByteSource): Promise<number> {
  const fail = failIn(source.name);
  if (source.size < PREFIX_BYTES) fail(`a file of ${source.size} bytes is too short to be a safetensors file; it is truncated.`);
  const prefix = new Uint8Array(PREFIX_BYTES);
  await source.read(prefix, 0);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) fail(`the header claims ${length} bytes; at most ${MAX_HEADER_BYTES} are allowed. This is not a safetensors file.`);
  if (PREFIX_BYTES + Number(length) > source.size) fail(`the header claims ${length} bytes, but the file has ${source.size}; it is truncated.`);
  return Number(length);
}

function parseObject(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  let parsed: unknown;
  let duplicate: string | undefined;
  // Checked on the bytes, because JSON.parse takes seconds for millions of brackets.
  if (isDeeperThan(MAX_DEPTH, bytes)) fail("the header is nested too deeply.");
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    parsed = JSON.parse(text);
    duplicate = findDuplicateKey(text);
  } catch (error) {
    return fail(`the header is not JSON that can be read (${(error as Error).message}).`);
  }
  if (!isObject(parsed)) fail("the header must be a JSON object.");
  if (duplicate !== undefined) fail(`the header has the key "${duplicate}" twice.`);
  return parsed as Record<string, unknown>;
}

function readMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (!isObject(value) || !Object.values(value).every((entry) => typeof entry === "string")) fail("__metadata__ must map strings to strings.");
  return value as Record<string, string>;
}

function readInfo(name: string, value: unknown, dataStart: number, fail: Fail): TensorInfo {
  const of = `tensor "${name}"`;
  if (!isObject(value) || Object.keys(value).sort().join() !== "data_offsets,dtype,shape") return fail(`${of} must have exactly dtype, shape and data_offsets.`);
  const { dtype, shape, data_offsets: offsets } = value;
  const codec = codecOf(String(dtype)) ?? fail(`${of} has dtype ${JSON.stringify(dtype)}; known are ${knownDtypes.join(", ")}.`);
  if (!isSizes(shape)) return fail(`${of} has the shape ${JSON.stringify(shape)}; sizes must be whole numbers from 0.`);
  if (!isSizes(offsets) || offsets.length !== 2) return fail(`${of} has the data_offsets ${JSON.stringify(offsets)}; two whole numbers from 0 are needed.`);
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((a, b) => a * b, codec.size);
  if (end - begin !== bytes) fail(`${of} [${shape}] of ${dtype} takes ${bytes} bytes, but its data_offsets [${offsets}] span ${end - begin}.`);
  return { dtype: dtype as SafetensorsDtype, shape, begin: dataStart + begin, end: dataStart + end };
}

/** The tensors must follow each other without gap or overlap and fill the file, as the format demands. */
function checkLayout(tensors: ReadonlyMap<string, TensorInfo>, dataStart: number, fileSize: number, fail: Fail): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let position = dataStart;
  for (const [name, { begin, end }] of inOrder) {
    if (end > fileSize) fail(`tensor "${name}" ends at byte ${end}, but the file has ${fileSize}; it is truncated or its offsets are wrong.`);
    if (begin !== position) fail(`tensor "${name}" begins at byte ${begin} where ${position} is expected; tensors may neither overlap nor leave gaps.`);
    position = end;
  }
  if (position !== fileSize) fail(`the tensors end at byte ${position}, but the file has ${fileSize}.`);
}

function isDeeperThan(limit: number, json: Uint8Array): boolean {
  const [quote, backslash, opening, closing] = [0x22, 0x5c, [0x5b, 0x7b], [0x5d, 0x7d]];
  let depth = 0;
  let inString = false;
  for (let i = 0; i < json.length && depth <= limit; i++) {
    const byte = json[i]!;
    if (byte === quote) inString = !inString;
    else if (inString) i += byte === backslash ? 1 : 0;
    else if (opening.includes(byte)) depth++;
    else if (closing.includes(byte)) depth--;
  }
  return depth > limit;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
