import * as tf from "@tensorflow/tfjs";

/** Backends whose tensors live in host memory: reading one costs nothing there and stalls no queue. */
const HOST_BACKENDS: readonly string[] = ["cpu", "wasm", "moekit-native"];

/**
 * True if the active backend keeps tensors in host memory, so that a reference may read counts and skip arithmetic.
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
