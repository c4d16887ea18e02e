import type { FileHandle } from "node:fs/promises";
import { CheckpointError, packBlocks, type PackedFormat } from "@moekit/core";
import { writeFileSafely } from "../io/write-files.js";
import { elements } from "../safetensors/host-tensor.js";
import { formatOf } from "./formats.js";
import { DEFAULT_ALIGNMENT, MAGIC, MAX_NAME_BYTES } from "./header.js";
import type { GgufValue } from "./metadata.js";
import { tensorBytes, typeFacts, type GgufTensorType } from "./tensor-types.js";
import { concat, stringBytes, u32Bytes, u64Bytes, valueBytes } from "./write-value.js";

/**
 * A tensor to be written, whose values come in pieces, so that a bank of experts never is in memory as a whole.
 * @example const tensor: GgufTensorSource = { type: "q8_0", shape: [2, 32], async *values() { yield new Float32Array(64); } };
 */
export interface GgufTensorSource {
  readonly type: GgufTensorType;
  /** Row-major, one to four axes. */
  readonly shape: readonly number[];
  /** Whole rows in order, as numbers that are still to be packed, or as bytes of `type`. */
  values(): AsyncIterable<Float32Array | Uint8Array>;
}

/**
 * What {@link writeGguf} writes.
 * @example const content: GgufContent = { metadata: new Map([["general.architecture", { type: "string", value: "llama" }]]), tensors: new Map() };
 */
export interface GgufContent {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensorSource>;
}

const VERSION = 3;

/**
 * Writes a GGUF file (version 3, alignment 32). Metadata and tensors keep the order of their maps. The bytes go to a
 * temporary name, are flushed to disk, and the file is renamed into place.
 *
 * @throws CheckpointError if a metadata value is not of its type, a name is too long, a shape does not fit the type or its
 * values, or the type cannot be written; ConfigError if a value does not fit the type. The file at `path` is untouched then.
 * @example await writeGguf("model.gguf", { metadata, tensors });
 */
export async function writeGguf(path: string, { metadata, tensors }: GgufContent): Promise<void> {
  for (const [name, tensor] of tensors) check(name, tensor);
  await writeFileSafely(path, async (handle) => {
    await handle.writeFile(headerBytes(metadata, tensors));
    for (const [name, tensor] of tensors) await writeTensor(handle, name, tensor);
  });
}

function check(name: string, { type, shape }: GgufTensorSource): void {
  const fail = (problem: string): never => {
    throw new CheckpointError(`writeGguf: ${problem}`);
  };
  // ggml keeps a zero after the name.
  if (Buffer.byteLength(name) >= MAX_NAME_BYTES) fail(`the tensor name "${name}" must be shorter than ${MAX_NAME_BYTES} bytes.`);
  if (shape.length < 1 || shape.length > 4) fail(`"${name}" must have one to four axes; it has [${shape.join(", ")}].`);
  const { blockSize } = typeFacts(type);
  if (shape.at(-1)! % blockSize !== 0) fail(`rows of ${type} are a multiple of ${blockSize} long; "${name}" has rows of ${shape.at(-1)}.`);
}

const bytesOf = ({ type, shape }: GgufTensorSource): number => tensorBytes(type, elements(shape));
const padded = (bytes: number): number => Math.ceil(bytes / DEFAULT_ALIGNMENT) * DEFAULT_ALIGNMENT;

function headerBytes(metadata: ReadonlyMap<string, GgufValue>, tensors: ReadonlyMap<string, GgufTensorSource>): Uint8Array {
  const parts = [u32Bytes(MAGIC), u32Bytes(VERSION), u64Bytes(tensors.size), u64Bytes(metadata.size)];
  for (const [key, value] of metadata) parts.push(stringBytes(key), valueBytes(key, value));
  let offset = 0;
  for (const [name, tensor] of tensors) {
    parts.push(stringBytes(name), u32Bytes(tensor.shape.length), ...tensor.shape.toReversed().map(u64Bytes), u32Bytes(typeFacts(tensor.type).id), u64Bytes(offset));
    offset += padded(bytesOf(tensor));
  }
  const header = concat(parts);
  return concat([header, new Uint8Array(padded(header.length) - header.length)]);
}

async function writeTensor(handle: FileHandle, name: string, tensor: GgufTensorSource): Promise<void> {
  let written = 0;
  for await (const piece of tensor.values()) {
    const bytes = piece instanceof Uint8Array ? piece : pack(name, piece, tensor.type);
    await handle.writeFile(bytes);
    written += bytes.length;
  }
  if (written !== bytesOf(tensor)) throw new CheckpointError(`writeGguf: "${name}" [${tensor.shape.join(", ")}] of ${tensor.type} takes ${bytesOf(tensor)} bytes; its values gave ${written}.`);
  await handle.writeFile(new Uint8Array(padded(written) - written));
}

function pack(name: string, values: Float32Array, type: GgufTensorType): Uint8Array {
  if (type === "f32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const format = formatOf(type);
  if (!format) throw new CheckpointError(`writeGguf: "${name}": numbers cannot be packed as ${type} here.`);
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) throw new CheckpointError(`writeGguf: "${name}" has the value ${values[wrong]}, which ${type} cannot hold.`);
  return encoded(name, values, format);
}

function encoded(name: string, values: Float32Array, format: PackedFormat): Uint8Array {
  if (values.length % format.blockSize !== 0) throw new CheckpointError(`writeGguf: the pieces of "${name}" must be whole rows; got ${values.length} values.`);
  const bytes = new Uint8Array((values.length / format.blockSize) * format.blockBytes);
  packBlocks(values, bytes, format);
  return bytes;
}
