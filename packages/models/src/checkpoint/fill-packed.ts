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
  const bank = new Bank(place.names.length);
  for (const name of place.names) {
    const stored = await storedRows(name, place, shape, reader, bank);
    if (stored && (!wanted || stored.format.name === wanted.name)) bank.add(stored);
    else if (wanted) bank.add(packMatrix(await readValues(name, place, shape), [rows, columns], wanted));
    else throw new CheckpointError(`loadModel: "${name}" is stored in float32, in 8-bit floats with scales, or not row by row. Say which format to pack it in, e.g. weights: "bf16".`);
  }
  weight.matrix = bank.matrix();
}

/** The rows of a view in the bytes of the file; undefined if the tensor is float32 there, or its rows are not those of the view. */
async function storedRows(name: string, place: Place, shape: readonly number[], reader: TensorReader, bank: Bank): Promise<PackedMatrix | undefined> {
  const columns = shape.at(-1)!;
  const isByRows = place.strides.at(-1) === 1 && place.fileShape.at(-1) === columns;
  if (!isByRows && place.strides.at(-1) === place.fileShape.at(-1)) return storedColumns(name, place, shape, reader);
  const isWholeTensor = isWhole(place, shape);
  const stored = isByRows ? await reader.readPacked?.(name, isWholeTensor ? bank.next() : undefined) : undefined;
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

/** Matrices of one format and size below each other, e.g. those of the experts of a layer. */
class Bank {
  private first?: PackedMatrix;
  private bytes: Uint8Array = new Uint8Array(0);
  private added = 0;

  constructor(private readonly count: number) {}

  /** Memory for the next matrix, once the first has shown how large they are. */
  next(): Uint8Array | undefined {
    if (!this.first) return undefined;
    const size = this.first.bytes.length;
    return this.bytes.subarray(this.added * size, (this.added + 1) * size);
  }

  add(matrix: PackedMatrix): void {
    const { format, bytes } = matrix;
    if (!this.first) {
      this.first = matrix;
      // Not filled with zeros first: every byte is going to be written.
      this.bytes = this.count === 1 ? bytes : Buffer.allocUnsafeSlow(this.count * bytes.length);
    }
    if (format.name !== this.first.format.name) throw new CheckpointError(`loadModel: experts of one layer are stored in ${this.first.format.name} and ${format.name}. Say which format to pack them in.`);
    const place = this.next()!;
    if (place.byteOffset !== bytes.byteOffset || place.buffer !== bytes.buffer) place.set(bytes);
    this.added++;
  }

  matrix(): PackedMatrix {
    const { format, shape: [rows, columns] } = this.first!;
    return { format, shape: [this.count * rows, columns], bytes: this.bytes };
  }
}
