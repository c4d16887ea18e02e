/** B batch, S queries, L keys, H query heads, G key heads, d and e head widths. */
import * as tf from "@tensorflow/tfjs";
import { attention, type AttentionOptions } from "@moekit/core";

/**
 * Causal attention within chunks of neighbouring positions: a query sees the keys of its own chunk up to its own position.
 *
 * @param q - `[B, S, H, d]`: the last S positions.
 * @param k - `[B, L, G, d]`: from the beginning of a chunk to the last position. @param v - `[B, L, G, e]`
 * @returns `[B, S, H, e]`.
 * @source Llama 4; transformers masking_utils, chunked_causal_mask_function.
 */
export function chunkedAttention(q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, chunk: number, options: Pick<AttentionOptions, "scale" | "sinks">): tf.Tensor4D {
  const [length, past] = [k.shape[1], k.shape[1] - q.shape[1]];
  const parts: tf.Tensor4D[] = [];
  // Keys before the first query are of its own chunk, so the first chunk has queries.
  for (let begin = Math.floor(past / chunk) * chunk; begin < length; begin += chunk) {
    const end = Math.min(begin + chunk, length);
    const queries = between(q, Math.max(begin, past) - past, end - past);
    parts.push(attention(queries, between(k, begin, end), between(v, begin, end), { causal: true, ...options }));
  }
  return tf.concat(parts, 1);
}

/** How many of the keys up to position `end` (not included) a later query can see: those of a chunk that goes on. */
export const keysOfOpenChunk = (end: number, chunk: number): number => end % chunk;

function between(x: tf.Tensor4D, from: number, to: number): tf.Tensor4D {
  const [batch, length, heads, width] = x.shape;
  return from === 0 && to === length ? x : tf.slice(x, [0, from, 0, 0], [batch, to - from, heads, width]);
}
