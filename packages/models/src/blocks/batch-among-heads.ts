/** B sequences of S queries and L keys, H query heads, G key heads, d head width. */
import * as tf from "@tensorflow/tfjs";

/**
 * A cache grows by positions, so it has them first, and several sequences as one with B times as many heads:
 * `[1, L, B G, d]`. Attention treats heads one by one, so that queries of that form see the same keys.
 */

/** `[B, S, H, d]` as `[1, S, B H, d]`. */
export function batchAmongHeads(x_BSHd: tf.Tensor4D): tf.Tensor4D {
  const [batch, length, heads, width] = x_BSHd.shape;
  const byPosition = batch === 1 || length === 1 ? x_BSHd : tf.transpose(x_BSHd, [1, 0, 2, 3]);
  return tf.reshape(byPosition, [1, length, batch * heads, width]);
}

/** The other way. */
export function batchFirst(x_1SHd: tf.Tensor4D, batch: number): tf.Tensor4D {
  const [, length, heads, width] = x_1SHd.shape;
  if (batch === 1 || length === 1) return tf.reshape(x_1SHd, [batch, length, heads / batch, width]);
  return tf.transpose(tf.reshape(x_1SHd, [length, batch, heads / batch, width]), [1, 0, 2, 3]);
}

/**
 * What `mix` makes of queries and keys that agree on where the batch is.
 * @param key - `[B, L, G, d]`, or `[1, L, B G, d]` from a cache.
 * @param mix - Gets the queries as the keys are, and how many sequences are among their heads.
 * @returns `[B, S, H, d]`
 */
export function mixWhereBatchIs(q_BSHd: tf.Tensor4D, key: tf.Tensor4D, mix: (q: tf.Tensor4D, amongHeads: number) => tf.Tensor4D): tf.Tensor4D {
  const [batch] = q_BSHd.shape;
  return key.shape[0] === batch ? mix(q_BSHd, 1) : batchFirst(mix(batchAmongHeads(q_BSHd), batch), batch);
}
