import * as tf from "@tensorflow/tfjs";

/**
 * Backends whose tensors live in host memory, where reading one costs nothing, and TensorFlow in Node, where it takes 5 µs,
 * a tenth of an op (on a GPU it waits for pending work, still for less than the masked arithmetic of E experts takes).
 */
const HOST_BACKENDS: readonly string[] = ["cpu", "wasm", "moekit-native", "tensorflow"];

/**
 * True if counts are cheap to read from the active backend, so that a reference may read them and skip arithmetic.
 * Everywhere else neither forward nor backward of an op reads data back.
 *
 * @example if (readsSynchronously()) console.log(hostInts(offsets));
 */
export function readsSynchronously(): boolean {
  return HOST_BACKENDS.includes(tf.getBackend());
}

/**
 * The values of an int32 tensor. Only for backends that {@link readsSynchronously}.
 * @example hostInts(tf.tensor1d([0, 3, 5], "int32"))[1]; // 3
 */
export function hostInts(x: tf.Tensor): Int32Array {
  return x.dataSync<"int32">() as Int32Array;
}
