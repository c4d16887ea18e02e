import * as tf from "@tensorflow/tfjs";

/**
 * `tf.tidy` for functions that return any typed object: tensors in its fields and arrays survive, all others are disposed.
 * @example const { y, routing } = tidy(() => layer.forward(x));
 */
export function tidy<T>(f: () => T): T {
  return tf.tidy(f as () => tf.TensorContainer) as T;
}
