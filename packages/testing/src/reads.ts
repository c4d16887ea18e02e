import * as tf from "@tensorflow/tfjs";

const READS = ["read", "readSync"] as const;

/**
 * Runs something in which every read from the active backend throws, synchronous or not, also inside kernels: what it
 * computes stays on the device. Only for devices: the kernels of `cpu` read their own memory.
 *
 * @throws Error if `run` calls `data`, `dataSync`, `array` or another function that reads a tensor.
 * @example const { value, grads } = withoutReads(() => tf.variableGrads(() => tf.sum(layer.forward(x).y)));
 */
export function withoutReads<T>(run: () => T): T {
  const backend = tf.backend();
  for (const method of READS) Object.defineProperty(backend, method, { value: () => refuse(method), configurable: true });
  try {
    return run();
  } finally {
    for (const method of READS) delete backend[method as never]; // uncovers the method of the class
  }
}

function refuse(method: string): never {
  throw new Error(`${method}: a tensor was read back from ${tf.getBackend()} where nothing may wait for the device`);
}
