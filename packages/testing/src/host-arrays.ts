import * as tf from "@tensorflow/tfjs";
import type { HostArray } from "@moekit/core/cases";

/**
 * The tensor of an array, on the active backend.
 * @example toTensor(uniform([2, 3], 1)).shape; // [2, 3]
 */
export function toTensor({ data, shape, dtype }: HostArray): tf.Tensor {
  return tf.tensor(dtype === "int32" ? Int32Array.from(data) : Float32Array.from(data), [...shape], dtype);
}

/**
 * Values of tensors, which are read without blocking and then disposed.
 * @example const [y] = await valuesOf([layer.forward(x).y]);
 */
export async function valuesOf(tensors: readonly tf.Tensor[]): Promise<(Float32Array | Int32Array | Uint8Array)[]> {
  try {
    return await Promise.all(tensors.map((tensor) => tensor.data()));
  } finally {
    tf.dispose([...tensors]);
  }
}
