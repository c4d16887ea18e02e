import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { stopGradient } from "../stop-gradient.js";
import type { Routing } from "../types.js";

/**
 * How many tokens chose each expert, before capacity: the load that balancing steers. (Subtract `dropped` for what was
 * computed.) No gradient, and nothing is read back.
 *
 * @param valid - `[T]` float32, 1 for tokens that count and 0 for padding.
 * @returns `[E]` float32, whole numbers. In a dense mix every expert has every token.
 * @example const counts = tokensPerExpert(routing, context.valid);
 */
export function tokensPerExpert(routing: Routing, valid?: Tensor1D): Tensor1D {
  return tf.tidy(() => {
    const weight_T = valid ? stopGradient(valid) : tf.ones([routing.logits.shape[0]]);
    if (routing.kind === "dense-mix") return tf.mul(tf.ones([routing.numExperts]), tf.sum(weight_T)) as Tensor1D;
    if (routing.kind === "expert-choice") return tf.sum(tokenWeights(routing.tokenIds, weight_T as Tensor1D), 1) as Tensor1D;
    const ids_TK = stopGradient(routing.chosenIds ?? routing.expertIds);
    if (ids_TK.size === 0) return tf.zeros([routing.numExperts]);
    return tf.sum(tf.mul(choices(ids_TK, routing.numExperts), tf.reshape(weight_T, [-1, 1, 1])), [0, 1]) as Tensor1D;
  });
}

/**
 * `[T, K, E]`: 1 at the chosen expert; empty slots give a row of zeros. Not by a broadcast `equal`, which on wasm takes 30 times
 * as long, and cast afterwards, because `oneHot` of wasm writes int32 bits whatever type it is asked for.
 */
function choices(ids_TK: Tensor2D, numExperts: number): tf.Tensor {
  // It wants at least two experts.
  const isChosen_TKE = numExperts === 1 ? tf.equal(tf.expandDims(ids_TK, 2), 0) : tf.oneHot(ids_TK, numExperts);
  return tf.cast(isChosen_TKE, "float32");
}

/** `[E, C]`: the weight of each chosen token, 0 in empty slots. */
function tokenWeights(tokenIds_EC: Tensor2D, weight_T: Tensor1D): Tensor2D {
  const ids = stopGradient(tokenIds_EC);
  if (ids.size === 0 || weight_T.size === 0) return tf.zeros(ids.shape);
  const flat = tf.reshape(tf.maximum(ids, tf.scalar(0, "int32")), [-1]);
  const weights = tf.reshape(tf.gather(weight_T, flat), ids.shape);
  return tf.mul(weights, tf.cast(tf.greaterEqual(ids, tf.scalar(0, "int32")), "float32"));
}
