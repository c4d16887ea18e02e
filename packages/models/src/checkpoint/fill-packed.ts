import { CheckpointError, packedBytes, packMatrix, type PackedFormat, type PackedMatrix } from "@moekit/core";
import { bf16 } from "@moekit/core/packed";
import type { PackedWeight } from "../blocks/packed-weight.js";
import type { Place } from "../layout/place.js";
import { rowStarts } from "../layout/strided.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";

/** Reads the values of a view of one tensor as float32. */
export type ReadValues = (name: string, place: Place, shape: readonly number[]) => Promise<Float32Array>;

/**
 * Fills a packed weight from where it lies in a file, tensor by tensor: the bytes as they are stored where that is the
 * format, else packed anew.
 *
 * @param format - Left out: whatever each tensor is stored in. Rows that are not whole blocks of it become bf16.
 * @throws CheckpointError if no format is given and a matrix is stored in float32, in 8-bit floats with scales, or not row by row.
 */
export async function fillPacked(weight: PackedWeight, place: Place, reader: TensorReader, readValues: ReadValues, format?: PackedFormat): Promise<void> {
  const shape = place.names.length === 1 ? weight.shape : weight.shape.slice(1);
  const columns = shape.at(-1)!;
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const wanted = format && (columns % format.blockSize === 0 ? format : bf16);
  const parts: PackedMatrix[] = [];
  for (const name of place.names) {
    const stored = await storedRows(name, place, shape, reader);
    if (stored && (!wanted || stored.format.name === wanted.name)) parts.push(stored);
    else if (wanted) parts.push(packMatrix(await readValues(name, place, shape), [rows, columns], wanted));
    else throw new CheckpointError(`loadModel: "${name}" is stored in float32, in 8-bit floats with scales, or not row by row. Say which format to pack it in, e.g. weights: "bf16".`);
  }
  weight.matrix = stacked(parts);
}

/** The rows of a view in the bytes of the file; undefined if the tensor is float32 there, or its rows are not those of the view. */
async function storedRows(name: string, place: Place, shape: readonly number[], reader: TensorReader): Promise<PackedMatrix | undefined> {
  const columns = shape.at(-1)!;
  const isByRows = place.strides.at(-1) === 1 && place.fileShape.at(-1) === columns;
  const stored = isByRows ? await reader.readPacked?.(name) : undefined;
  if (!stored) return undefined;
  const rowBytes = packedBytes([1, columns], stored.format);
  const starts = rowStarts(place, shape).map((element) => element / columns);
  if (starts.length === stored.shape[0] && starts.every((row, index) => row === index)) return stored;
  const bytes = new Uint8Array(starts.length * rowBytes);
  starts.forEach((row, index) => bytes.set(stored.bytes.subarray(row * rowBytes, (row + 1) * rowBytes), index * rowBytes));
  return { format: stored.format, shape: [starts.length, columns], bytes };
}

/** Matrices of one format below each other. */
function stacked(parts: readonly PackedMatrix[]): PackedMatrix {
  const [first] = parts as [PackedMatrix];
  if (parts.length === 1) return first;
  const other = parts.find(({ format }) => format.name !== first.format.name);
  if (other) throw new CheckpointError(`loadModel: experts of one layer are stored in ${first.format.name} and ${other.format.name}. Say which format to pack them in.`);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part.bytes, at);
    at += part.bytes.length;
  }
  return { format: first.format, shape: [parts.reduce((sum, part) => sum + part.shape[0], 0), first.shape[1]], bytes };
}
