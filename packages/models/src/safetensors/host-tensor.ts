/**
 * A tensor outside TensorFlow.js: a shape and its values in row-major order.
 * @example const weight: HostTensor = { shape: [2, 2], data: new Float32Array([1, 0, 0, 1]) };
 */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/**
 * A tensor whose values are fetched when its turn comes, so that a large model is written without a second copy of it.
 * @example const lazy: LazyTensor = { shape: [2], dtype: "float32", load: async () => new Float32Array(2) };
 */
export interface LazyTensor {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32";
  load(): Promise<Float32Array | Int32Array>;
}

/** Elements of a shape. */
export const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The lazy view of either kind. */
export function asLazy(tensor: HostTensor | LazyTensor): LazyTensor {
  if ("load" in tensor) return tensor;
  const dtype = tensor.data instanceof Float32Array ? "float32" : "int32";
  return { shape: tensor.shape, dtype, load: async () => tensor.data };
}
