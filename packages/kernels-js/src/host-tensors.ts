import type { backend_util, DataType, TensorInfo } from "@tensorflow/tfjs";

/** Rows of a tensor's memory, read as a row-major matrix. */
export interface Matrix {
  readonly tensor: TensorInfo;
  /** Elements before the first one. */
  readonly start: number;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Tensors in host memory, alike for the cpu and wasm backends: all that kernels know of a backend.
 *
 * `allocate` and `multiply` may grow the memory of wasm, which ends the life of every view taken before: take views after.
 */
export interface HostTensors {
  /** A tensor whose values are not set. */
  allocate(shape: readonly number[], dtype?: "float32" | "int32"): TensorInfo;
  release(tensor: TensorInfo): void;
  floats(tensor: TensorInfo): Float32Array;
  ints(tensor: TensorInfo): Int32Array;
  /** `out = a b`. */
  multiply(a: Matrix, b: Matrix, out: Matrix): void;
}

/** What adapters need to make of a backend. */
export type Values = backend_util.TypedArray;
export type { DataType, TensorInfo };

/** A whole tensor as a matrix, all axes but the last taken as rows; or `rows` of them from row `firstRow`. */
export function matrixOf(tensor: TensorInfo, firstRow = 0, rows?: number): Matrix {
  const columns = tensor.shape[tensor.shape.length - 1]!;
  return { tensor, start: firstRow * columns, rows: rows ?? rowsOf(tensor) - firstRow, columns };
}

/** Product of all axes but the last. */
export const rowsOf = (tensor: TensorInfo): number => sizeOf(tensor.shape.slice(0, -1));

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Runs `use` with matrices of the given [rows, columns], whose values are not set, and frees them afterwards. */
export function withScratch<const S extends readonly (readonly [number, number])[]>(host: HostTensors, sizes: S, use: (...scratch: { [I in keyof S]: Matrix }) => void): void {
  const scratch = sizes.map(([rows, columns]) => ({ tensor: host.allocate([rows, columns]), start: 0, rows, columns }));
  try {
    use(...(scratch as { [I in keyof S]: Matrix }));
  } finally {
    for (const { tensor } of scratch) host.release(tensor);
  }
}

/** The part of the tensor's values that the matrix covers. */
export function floatsOf(host: HostTensors, { tensor, start, rows, columns }: Matrix): Float32Array {
  return host.floats(tensor).subarray(start, start + rows * columns);
}

/** `rows` rows of a matrix from row `first`. */
export const rowsFrom = (matrix: Matrix, first: number, rows: number): Matrix => ({ ...matrix, start: matrix.start + first * matrix.columns, rows });
