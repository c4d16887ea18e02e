/**
 * Attention in plain tfjs. The R query heads that share a key head are stacked, so that all products are batches of
 * matrices. B batch, S queries, L keys, G key heads, R query heads of each, d and e widths.
 */
import * as tf from "@tensorflow/tfjs";
import type { Tensor, Tensor1D, Tensor4D } from "@tensorflow/tfjs";

/**
 * Inputs of the op; shapes as in `attention`.
 * @example const inputs: AttentionInputs = { q, k, v };
 */
export type AttentionInputs = { q: Tensor4D; k: Tensor4D; v: Tensor4D; sinks?: Tensor1D };
/**
 * Settings of the op; see `AttentionOptions`.
 * @example const attrs: AttentionAttrs = { causal: true, scale: 1 / Math.sqrt(64) };
 */
export type AttentionAttrs = { causal: boolean; scale: number; window?: number };

/** Stands for minus infinity: its exponential is 0, and no difference of two of them is NaN. */
const MASKED = -1e30;

/** `[B, S, H, e]` */
export function attend(inputs: AttentionInputs, attrs: AttentionAttrs): Tensor {
  const { q, v } = inputs;
  const [B, S, H] = q.shape;
  if (q.size * v.size === 0) return tf.zeros([B, S, H, v.shape[3]]);
  const { probs } = probabilities(inputs, attrs);
  return fromGroups(tf.matMul(probs, byHead(v)), [B, S, H]);
}

/** Gradients in the order of the inputs. */
export function attentionGradients({ dy, ...inputs }: AttentionInputs & { dy: Tensor4D }, attrs: AttentionAttrs): Tensor[] {
  const { q, k, v, sinks } = inputs;
  if (q.size * v.size === 0) return [q, k, v, ...(sinks ? [sinks] : [])].map((t) => tf.zeros(t.shape));
  const { probs, sinkShare } = probabilities(inputs, attrs);
  const G = k.shape[2];
  const dy_BGMe = toGroups(dy, G);
  const dProbs = tf.matMul(dy_BGMe, byHead(v), false, true);
  const flow_BGM1 = tf.sum(tf.mul(probs, dProbs), 3, true);
  const dScores = tf.mul(tf.mul(probs, tf.sub(dProbs, flow_BGM1)), attrs.scale);
  const dq = fromGroups(tf.matMul(dScores, byHead(k)), [q.shape[0], q.shape[1], q.shape[2]]);
  const dk = fromHeads(tf.matMul(dScores, toGroups(q, G), true, false));
  const dv = fromHeads(tf.matMul(probs, dy_BGMe, true, false));
  if (!sinkShare) return [dq, dk, dv];
  const dSinks = tf.neg(tf.sum(tf.reshape(tf.mul(sinkShare, flow_BGM1), [q.shape[0], q.shape[2], q.shape[1]]), [0, 2]));
  return [dq, dk, dv, dSinks];
}

/** `probs` `[B, G, R·S, L]`, and the share of the sink in each row, `[B, G, R·S, 1]`. */
function probabilities({ q, k, sinks }: AttentionInputs, attrs: AttentionAttrs): { probs: Tensor; sinkShare?: Tensor } {
  const [B, S, H] = q.shape;
  const [L, G] = [k.shape[1], k.shape[2]];
  const products = tf.mul(tf.matMul(toGroups(q, G), byHead(k), false, true), attrs.scale);
  const scores = masked(tf.reshape(products, [B * H, S, L]), attrs);
  const rows = [B, G, (H / G) * S, L];
  if (!sinks) return { probs: tf.reshape(tf.softmax(scores), rows) };
  const sinks_NS1 = tf.tile(tf.reshape(sinks, [H, 1, 1]), [B, S, 1]);
  const [sinkShare, probs] = tf.split(tf.softmax(tf.concat([sinks_NS1, scores], 2)), [1, L], 2);
  return { probs: tf.reshape(probs!, rows), sinkShare: tf.reshape(sinkShare!, [...rows.slice(0, 3), 1]) };
}

/** Scores `[B·H, S, L]` with those of keys that a query may not see pushed down. */
function masked(scores: Tensor, { causal, window }: AttentionAttrs): Tensor {
  if (!causal && window === undefined) return scores;
  const [, S, L] = scores.shape as [number, number, number];
  // How far each key lies behind its query, `[S, L]`.
  const behind = tf.sub(tf.reshape(tf.range(L - S, L, 1, "float32"), [S, 1]), tf.range(0, L, 1, "float32"));
  const late = causal ? tf.less(behind, 0) : tf.zerosLike(tf.cast(behind, "bool"));
  const far = window === undefined ? late : tf.logicalOr(late, tf.greaterEqual(behind, window));
  return tf.add(scores, tf.mul(tf.cast(far, "float32"), MASKED));
}

/** `[B, S, G·R, w]` to `[B, G, R·S, w]` */
function toGroups(x: Tensor4D, G: number): Tensor {
  const [B, S, H, width] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [B, G, (H / G) * S, width]);
}

/** `[B, G, R·S, w]` to `[B, S, G·R, w]` */
function fromGroups(x: Tensor, [B, S, H]: [number, number, number]): Tensor {
  return tf.transpose(tf.reshape(x, [B, H, S, x.shape[3]!]), [0, 2, 1, 3]);
}

/** `[B, L, G, w]` to `[B, G, L, w]`, and back. */
const byHead = (x: Tensor4D): Tensor => tf.transpose(x, [0, 2, 1, 3]);
const fromHeads = (x: Tensor): Tensor => tf.transpose(x, [0, 2, 1, 3]);
