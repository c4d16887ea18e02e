/** Load and mean probabilities of one layer, padding left out. Letters: T tokens, E experts, K slots, G sequences. */
import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { ConfigError, stopGradient, tokensPerExpert, topK, type LayerRouting, type TokenChoice } from "@moekit/core";

/** `[T]` off the tape: 1 for real tokens, 0 for padding. */
export function tokenWeights({ routing, context }: LayerRouting): Tensor1D {
  return context.valid ? stopGradient(context.valid) : tf.ones([routing.logits.shape[0]]);
}

/** Number of real tokens, at least 1 so that it can divide. */
export function numTokens(entry: LayerRouting): Scalar {
  return tf.maximum(tf.sum(tokenWeights(entry)), 1) as Scalar;
}

/** Mean over the real tokens of the first axis of `[T]` or `[T, E]`; carries the gradient. */
export function meanOverTokens<T extends tf.Tensor>(values: tf.Tensor, entry: LayerRouting): T {
  if (!entry.context.valid) return tf.mean(values, 0) as T;
  const weights = tf.reshape(tokenWeights(entry), [-1, ...values.shape.slice(1).map(() => 1)]);
  return tf.div(tf.sum(tf.mul(values, weights), 0), numTokens(entry)) as T;
}

/** `[E]` off the tape: choices of each expert before capacity, by default those that the router made. */
export function choiceCounts({ routing, context }: LayerRouting, count: CountedChoice = "made"): Tensor1D {
  if (count === "made") return tokensPerExpert(routing, context.valid);
  return tokensPerExpert({ ...routing, kind: "token-choice", chosenIds: countedIds(routing, count) } as TokenChoice, context.valid);
}

/** Which choices of a token count: all that were made; only its first; or the top k by `probs`, without any selection bias. */
export type CountedChoice = "made" | "first" | "unbiased";

/** `[T, K]` int32 off the tape: the ids that count. */
export function countedIds(routing: LayerRouting["routing"], count: CountedChoice): Tensor2D {
  if (routing.kind !== "token-choice") throw new ConfigError(`balancing: ${count === "made" ? "this loss" : `counting the ${count} choices`} needs token choice; this router decides by ${routing.kind}.`);
  const ids_TK = stopGradient(routing.chosenIds ?? routing.expertIds);
  if (count === "first") return tf.slice(ids_TK, [0, 0], [-1, 1]);
  return count === "made" ? ids_TK : topK(stopGradient(routing.probs), ids_TK.shape[1]).ids;
}

/** `x / max(sum(x), 1)`: shares of counts; zeros where nothing was counted. */
export const shares = <T extends tf.Tensor>(counts: T, axis?: number): T => tf.div(counts, tf.maximum(tf.sum(counts, axis, axis !== undefined), 1)) as T;

/** Sum of the products of two tensors of one shape. */
export const dot = (a: tf.Tensor, b: tf.Tensor): Scalar => tf.sum(tf.mul(a, b)) as Scalar;
