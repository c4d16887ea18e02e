import * as tf from "@tensorflow/tfjs";
import type { PackedFormat } from "./packed-matrix.js";

const KERNEL = "MoekitPackBlocks";

/**
 * Packs finite values, a whole number of blocks, to bytes of exactly that many: with the kernel `MoekitPackBlocks` of the
 * active backend, which writes the same bytes, or as the format itself does. No tensors are involved.
 * @throws ConfigError if a value is too large for the format.
 * @example packBlocks(new Float32Array(64), new Uint8Array(2 * q8_0.blockBytes), q8_0);
 */
export function packBlocks(values: Float32Array, bytes: Uint8Array, format: PackedFormat): void {
  const kernel = tf.getKernel(KERNEL, tf.engine().backendName);
  if (kernel) kernel.kernelFunc({ inputs: {}, attrs: { values, bytes, format } as unknown as tf.NamedAttrMap, backend: tf.engine().backend });
  else format.encode(values, bytes);
}
