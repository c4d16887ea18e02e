/**
 * Two ways to the same numbers. B sequences of S queries and L keys, H heads, r latent width; widths of a head: d content, p
 * positions, e value; c = r + p. From a cache several sequences are one with G = B latents and B H heads, else G = 1.
 */
import * as tf from "@tensorflow/tfjs";
import { attention, linear } from "@moekit/core";
import { mixWhereBatchIs } from "./batch-among-heads.js";

/** What latent attention works on. */
export interface LatentInput {
  readonly content_BSHd: tf.Tensor4D;
  readonly position_BSHp: tf.Tensor4D;
  /** The normalised latent and behind it the key with positions. */
  readonly latent_BLGc: tf.Tensor4D;
  readonly keyUp_Hdr: tf.Tensor3D;
  readonly valueUp_Her: tf.Tensor3D;
  readonly scale: number;
}

/** The form that multiplies less: explicit for a prompt or a training step, absorbed for few queries of many keys. */
export function latentAttention(input: LatentInput): tf.Tensor4D {
  const [, d, r] = input.keyUp_Hdr.shape;
  const [S, L, p, e] = [input.content_BSHd.shape[1], input.latent_BLGc.shape[1], input.position_BSHp.shape[3], input.valueUp_Her.shape[1]];
  const explicit = L * r * (d + e) + S * L * (d + p + e);
  const absorbed = S * r * (d + e) + S * L * (2 * r + 2 * p);
  return absorbed < explicit ? absorbedAttention(input) : explicitAttention(input);
}

/** Makes the keys and values of each head: `k = [W_k c | key]`, `v = W_v c`. */
export function explicitAttention({ content_BSHd, position_BSHp, latent_BLGc, keyUp_Hdr, valueUp_Her, scale }: LatentInput): tf.Tensor4D {
  const [B, L, G, c] = latent_BLGc.shape;
  const [H, , r] = keyUp_Hdr.shape;
  const [rows_Nr, position_Np] = tf.split(tf.reshape(latent_BLGc, [B * L * G, c]), [r, c - r], 1) as [tf.Tensor2D, tf.Tensor2D];
  const heads = (up: tf.Tensor3D): tf.Tensor4D => tf.reshape(linear(rows_Nr, tf.reshape(up, [-1, r]) as tf.Tensor2D), [B, L, G * H, up.shape[1]]);
  const position_BLHp: tf.Tensor4D = tf.reshape(tf.tile(position_Np, [1, H]), [B, L, G * H, c - r]);
  const key = tf.concat([heads(keyUp_Hdr), position_BLHp], 3);
  const query = tf.concat([content_BSHd, position_BSHp], 3);
  return mixWhereBatchIs(query, key, (q) => attention(q, key, heads(valueUp_Her), { causal: true, scale }));
}

/**
 * Brings queries to the latent instead, where all heads share one key and value: `q W_k . c = q . W_k c`, `sum a W_v c = W_v sum a c`.
 * The value is the latent with the key behind it, of which nobody asks, so that both are one tensor.
 */
export function absorbedAttention({ content_BSHd, position_BSHp, latent_BLGc, keyUp_Hdr, valueUp_Her, scale }: LatentInput): tf.Tensor4D {
  const query = tf.concat([timesOwnMatrix(content_BSHd, keyUp_Hdr), position_BSHp], 3);
  const sums_BSHc = mixWhereBatchIs(query, latent_BLGc, (q) => attention(q, latent_BLGc, latent_BLGc, { causal: true, scale }));
  const sums_BSHr = tf.slice(sums_BSHc, [0, 0, 0, 0], [-1, -1, -1, keyUp_Hdr.shape[2]]);
  return timesOwnMatrix(sums_BSHr, valueUp_Her, true);
}

/** Multiplies the rows of each head by the matrix of that head. */
function timesOwnMatrix(x_BSHi: tf.Tensor4D, w: tf.Tensor3D, transposed = false): tf.Tensor4D {
  const [B, S, H, width] = x_BSHi.shape;
  const rows_HTi = tf.reshape(tf.transpose(x_BSHi, [2, 0, 1, 3]), [H, B * S, width]);
  const y_HTo = tf.matMul(rows_HTi, w, false, transposed);
  return tf.transpose(tf.reshape(y_HTo, [H, B, S, -1]), [1, 2, 0, 3]);
}
