/** B sequences of S tokens, L layers with experts, E experts. */
import * as tf from "@tensorflow/tfjs";
import type { RoutingTrace } from "@moekit/core";
import type { StackLayerKind } from "./config.js";
import { oneHotExperts } from "./one-hot.js";

/**
 * What Switch Transformers trains routers with, over all layers of a stack together: `auxLoss = E * sum_e f_e P_e`, the mean
 * over sequences, with f and P the shares of choices and of probability in a sequence; `zLoss = mean of logsumexp(logits)^2`.
 *
 * Both are 0 in a stack whose layers all have experts, because transformers leaves such a stack out.
 *
 * @source Fedus et al. 2021, arXiv:2101.03961, eq. 4-6; Zoph et al. 2022, arXiv:2202.08906, eq. 5; as in transformers 5.18.
 */
export function stackRouterLosses(trace: RoutingTrace, layers: readonly StackLayerKind[], batch: number): { auxLoss: tf.Scalar; zLoss: tf.Scalar } {
  if (trace.length === 0 || layers.every((kind) => kind === "moe")) return { auxLoss: tf.scalar(0), zLoss: tf.scalar(0) };
  return tf.tidy(() => {
    const experts = trace[0]!.routing.numExperts;
    const logits_BNE = tf.concat(trace.map(({ routing }) => tf.reshape(routing.logits, [batch, -1, experts])), 1);
    const chosen_BNE = tf.concat(trace.map(({ routing }) => tf.reshape(choicesOf(routing), [batch, -1, experts])), 1);
    const shares_BE = tf.mul(tf.mean(chosen_BNE, 1), tf.mean(tf.softmax(logits_BNE), 1));
    return { auxLoss: tf.mul(tf.mean(shares_BE), experts ** 2) as tf.Scalar, zLoss: tf.mean(tf.square(tf.logSumExp(logits_BNE, -1))) as tf.Scalar };
  });
}

/** `[B S, E]`: 1 at the expert of the largest logit, dropped or not. */
function choicesOf({ logits, numExperts }: RoutingTrace[number]["routing"]): tf.Tensor {
  return oneHotExperts(tf.argMax(logits, 1), numExperts);
}
