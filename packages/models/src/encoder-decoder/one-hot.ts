import * as tf from "@tensorflow/tfjs";

/** `[N, E]` float32: 1 at the expert of each of N choices. `tf.oneHot` wants at least two experts, and on wasm writes int32 bits whatever type it is asked for. */
export function oneHotExperts(ids_N: tf.Tensor1D, numExperts: number): tf.Tensor2D {
  return tf.cast(numExperts === 1 ? tf.equal(tf.expandDims(ids_N, 1), 0) : tf.oneHot(ids_N, numExperts), "float32") as tf.Tensor2D;
}
