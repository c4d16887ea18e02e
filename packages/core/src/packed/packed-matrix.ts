import { ConfigError, ShapeError } from "../errors.js";
import { packBlocks } from "./pack-blocks.js";

/** How numbers are stored in blocks of a row. @example bf16.blockSize; // 1 */
export interface PackedFormat {
  /** Also what kernels know it by, e.g. `q8_0`. */
  readonly name: string;
  /** Numbers of a block; rows are a whole number of blocks. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /** Packs finite values, a whole number of blocks, to bytes of exactly that many. */
  readonly encode: (values: Float32Array, bytes: Uint8Array) => void;
  /** Unpacks a whole number of blocks to exactly as many values. */
  readonly decode: (bytes: Uint8Array, values: Float32Array) => void;
}

/**
 * A matrix `[rows, columns]` of weights in low precision, outside tensors. Rows follow each other without gaps, as in GGUF
 * and safetensors files, so that bytes of a file can be used as they are.
 * @example const packed: PackedMatrix = { format: bf16, shape: [2, 2], bytes: new Uint8Array(8) };
 */
export interface PackedMatrix {
  readonly format: PackedFormat;
  readonly shape: readonly [rows: number, columns: number];
  readonly bytes: Uint8Array;
}

/**
 * Packs a row-major float32 matrix.
 *
 * @throws ShapeError if `values` is not `rows * columns` long, or a row is not a whole number of blocks; ConfigError if a
 * value is not finite or too large for the format.
 * @example packMatrix(new Float32Array([1, 2, 3, 4]), [2, 2], bf16).bytes.length; // 8
 */
export function packMatrix(values: Float32Array, shape: readonly [number, number], format: PackedFormat): PackedMatrix {
  const bytes = new Uint8Array(packedBytes(shape, format));
  if (values.length !== shape[0] * shape[1]) throw new ShapeError(`packMatrix: [${shape.join(", ")}] needs ${shape[0] * shape[1]} values; got ${values.length}.`);
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw new ConfigError(`packMatrix: values must be finite; value ${i} is ${values[i]}.`);
  }
  packBlocks(values, bytes, format);
  return { format, shape, bytes };
}

/**
 * `count` rows from row `first` as float32, row-major.
 *
 * @throws ShapeError if there are no such rows, or the matrix has not as many bytes as its shape needs.
 * @example unpackRows(packMatrix(new Float32Array([1, 2, 3, 4]), [2, 2], bf16), 1, 1); // [3, 4]
 */
export function unpackRows(packed: PackedMatrix, first = 0, count = packed.shape[0] - first): Float32Array {
  checkPacked("unpackRows", packed);
  const { format, shape: [rows, columns], bytes } = packed;
  if (!(first >= 0 && count >= 0 && first + count <= rows)) throw new ShapeError(`unpackRows: rows ${first} to ${first + count} are not within the ${rows} rows.`);
  const values = new Float32Array(count * columns);
  const rowBytes = packedBytes([1, columns], format);
  format.decode(bytes.subarray(first * rowBytes, (first + count) * rowBytes), values);
  return values;
}

/** @throws ShapeError unless the bytes are as many as the shape needs. */
export function checkPacked(where: string, { format, shape, bytes }: PackedMatrix): void {
  const needed = packedBytes(shape, format);
  if (bytes.length !== needed) throw new ShapeError(`${where}: a packed matrix [${shape.join(", ")}] of ${format.name} has ${needed} bytes; got ${bytes.length}.`);
}

/**
 * Bytes of a packed matrix `[rows, columns]`.
 * @throws ShapeError if a row is not a whole number of blocks.
 * @example packedBytes([64, 256], q4_K); // 64 * 144
 */
export function packedBytes([rows, columns]: readonly [number, number], { name, blockSize, blockBytes }: PackedFormat): number {
  if (columns % blockSize !== 0) throw new ShapeError(`packMatrix: rows of ${name} are a multiple of ${blockSize} long; got ${columns}.`);
  return rows * (columns / blockSize) * blockBytes;
}
