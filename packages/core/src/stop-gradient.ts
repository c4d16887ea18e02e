import * as tf from "@tensorflow/tfjs";

/**
 * The same values as a new tensor that the backward pass does not look behind.
 *
 * Choices (ids, counts, masks) must not be on the tape: tfjs has no gradient for most integer ops and fails even where
 * the true gradient is zero. Shares memory with `x`; dispose of it like any tensor.
 *
 * @example const load = tf.sum(stopGradient(mask), 0); // a constant for tf.grads
 */
export function stopGradient<T extends tf.Tensor>(x: T): T {
  const { kernelFunc } = tf.getKernel("Identity", tf.getBackend());
  // Called directly, not through the engine: the engine would put it on the tape.
  const shared = kernelFunc({ inputs: { x }, backend: tf.backend() }) as tf.TensorInfo;
  return tf.engine().makeTensorFromTensorInfo(shared) as T;
}
