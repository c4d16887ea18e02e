import { CheckpointError, packedBytes, packMatrix, type PackedFormat, type PackedMatrix } from "@moekit/core";
import { bf16 } from "@moekit/core/packed";
import type { PackedWeight } from "../blocks/packed-weight.js";
import type { Place } from "../layout/place.js";
import { isWhole, rowStarts } from "../layout/strided.js";
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
  weight.stored = await stacked(place.names, async (name, into) => {
    const stored = await storedRows(name, place, shape, reader, into);
    if (stored && (!wanted || stored.format.name === wanted.name)) return stored;
    if (wanted) return packMatrix(await readValues(name, place, shape), [rows, columns], wanted);
    throw new CheckpointError(`loadModel: "${name}" is stored in float32, in 8-bit floats with scales, or not row by row. Say which format to pack it in, e.g. weights: "bf16".`);
  });
}

/** Tensors that are read at the same time: enough to keep a disk busy, few enough to need little memory. */
const AT_ONCE = 8;

/** Matrices of one format and size below each other, e.g. those of the experts of a layer, each read into its place where that can be. */
async function stacked(names: readonly string[], read: (name: string, into?: Uint8Array) => Promise<PackedMatrix>): Promise<PackedMatrix> {
  const first = await read(names[0]!);
  if (names.length === 1) return first;
  const { format, shape: [rows, columns], bytes: { length } } = first;
  // Not filled with zeros first: every byte is going to be written.
  const bytes = Buffer.allocUnsafeSlow(names.length * length);
  bytes.set(first.bytes);
  const readTo = async (index: number) => {
    const into = bytes.subarray(index * length, (index + 1) * length);
    const { format: other, bytes: own } = await read(names[index]!, into);
    if (other.name !== format.name) throw new CheckpointError(`loadModel: experts of one layer are stored in ${format.name} and ${other.name}. Say which format to pack them in.`);
    if (own.buffer !== into.buffer) into.set(own);
  };
  for (let from = 1; from < names.length; from += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, names.length - from) }, (_, i) => readTo(from + i)));
  }
  return { format, shape: [names.length * rows, columns], bytes };
}

/** The rows of a view in the bytes of the file; undefined if the tensor is float32 there, or its rows are not those of the view. */
async function storedRows(name: string, place: Place, shape: readonly number[], reader: TensorReader, into?: Uint8Array): Promise<PackedMatrix | undefined> {
  const columns = shape.at(-1)!;
  const isByRows = place.strides.at(-1) === 1 && place.fileShape.at(-1) === columns;
  if (!isByRows && place.strides.at(-1) === place.fileShape.at(-1)) return storedColumns(name, place, shape, reader);
  const isWholeTensor = isWhole(place, shape);
  const stored = isByRows ? await reader.readPacked?.(name, isWholeTensor ? into : undefined) : undefined;
  if (!stored || isWholeTensor) return stored;
  return pickRows(stored, rowStarts(place, shape).map((element) => element / columns));
}

/** The rows of a view whose rows are columns of the tensor in the file. */
async function storedColumns(name: string, place: Place, shape: readonly number[], reader: TensorReader): Promise<PackedMatrix | undefined> {
  const [inputs, outputs] = place.fileShape.slice(-2) as [number, number];
  const stored = inputs === shape.at(-1) ? await reader.readPackedColumns?.(name) : undefined;
  const rowAt = (element: number) => Math.floor(element / (inputs * outputs)) * outputs + (element % outputs);
  return stored && pickRows(stored, rowStarts(place, shape).map(rowAt));
}

function pickRows({ format, shape: [, columns], bytes }: PackedMatrix, rows: readonly number[]): PackedMatrix {
  const rowBytes = packedBytes([1, columns], format);
  const picked = new Uint8Array(rows.length * rowBytes);
  rows.forEach((row, index) => picked.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), index * rowBytes));
  return { format, shape: [rows.length, columns], bytes: picked };
}
