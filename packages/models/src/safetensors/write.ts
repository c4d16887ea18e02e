import type { FileHandle } from "node:fs/promises";
import { CheckpointError } from "@moekit/core";
import { writeFileSafely } from "../io/write-files.js";
import { encodeFloats, type FloatDtype } from "./dtypes.js";
import { asLazy, elements, type HostTensor, type LazyTensor } from "./host-tensor.js";

/**
 * How tensors are written.
 * @example const options: WriteOptions = { dtype: "BF16", metadata: { format: "pt" } };
 */
export interface WriteOptions {
  /** Format of float tensors; integers are always I32. @defaultValue "F32" */
  readonly dtype?: FloatDtype;
  /** Strings to keep in the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Elements that are converted and written at a time. */
const CHUNK_ELEMENTS = 1 << 20;

/**
 * Writes tensors as a safetensors file. The bytes go to a temporary name, are flushed to disk, and the file is renamed into
 * place, so that a crash at any moment leaves the old file or the new one. Lazy tensors are fetched one at a time.
 *
 * 16-bit formats round to nearest, ties to even.
 *
 * @throws CheckpointError if a shape does not fit its values or a finite value is too large for the format.
 * @example await writeSafetensors("x.safetensors", { x: { shape: [2], data: new Float32Array([1, 2]) } }, { dtype: "BF16" });
 */
export async function writeSafetensors(path: string, tensors: Readonly<Record<string, HostTensor | LazyTensor>>, options: WriteOptions = {}): Promise<void> {
  await writeFileSafely(path, safetensorsContent(tensors, options));
}

/** The content of a safetensors file, for {@link writeFileSafely} and its kin. */
export function safetensorsContent(tensors: Readonly<Record<string, HostTensor | LazyTensor>>, { dtype = "F32", metadata = {} }: WriteOptions): (handle: FileHandle) => Promise<void> {
  const entries = layout(tensors, dtype);
  return async (handle) => {
    await handle.writeFile(headerBytes(entries, metadata));
    for (const { name, tensor } of entries) await writeValues(handle, name, tensor, dtype);
  };
}

/** Bytes that a tensor takes in a file. */
export function bytesInFile(tensor: HostTensor | LazyTensor, dtype: FloatDtype): number {
  return elements(tensor.shape) * (asLazy(tensor).dtype === "int32" || dtype === "F32" ? 4 : 2);
}

interface Entry {
  readonly name: string;
  readonly tensor: LazyTensor;
  readonly dtype: FloatDtype | "I32";
  readonly begin: number;
  readonly end: number;
}

/** Wide elements first, then by name: every tensor is aligned, and the same tensors always make the same file. */
function layout(tensors: Readonly<Record<string, HostTensor | LazyTensor>>, dtype: FloatDtype): Entry[] {
  if ("__metadata__" in tensors) throw new CheckpointError('writeSafetensors: "__metadata__" cannot be the name of a tensor.');
  const width = (tensor: LazyTensor) => (tensor.dtype === "int32" || dtype === "F32" ? 4 : 2);
  const sorted = Object.entries(tensors)
    .map(([name, tensor]) => ({ name, tensor: asLazy(tensor) }))
    .sort((a, b) => width(b.tensor) - width(a.tensor) || (a.name < b.name ? -1 : 1));
  let position = 0;
  return sorted.map(({ name, tensor }) => {
    const begin = position;
    position += bytesInFile(tensor, dtype);
    return { name, tensor, dtype: tensor.dtype === "int32" ? "I32" : dtype, begin, end: position };
  });
}

function headerBytes(entries: readonly Entry[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const infos = entries.map(({ name, tensor, dtype, begin, end }) => [name, { dtype, shape: tensor.shape, data_offsets: [begin, end] }]);
  const head = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([...head, ...infos])));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return bytes;
}

async function writeValues(handle: FileHandle, name: string, tensor: LazyTensor, dtype: FloatDtype): Promise<void> {
  const values = await tensor.load();
  if (values.length !== elements(tensor.shape)) throw new CheckpointError(`writeSafetensors: "${name}" of shape [${tensor.shape}] needs ${elements(tensor.shape)} values; got ${values.length}.`);
  for (let at = 0; at < values.length; at += CHUNK_ELEMENTS) {
    const chunk = values.subarray(at, at + CHUNK_ELEMENTS);
    await handle.writeFile(chunk instanceof Float32Array ? encodeFloats(chunk, dtype) : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  }
}
