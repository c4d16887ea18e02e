import * as tf from "@tensorflow/tfjs";
import type { Scalar } from "@tensorflow/tfjs";
import { tidy, type BalancingTerm, type LayerRouting, type MethodFacts } from "@moekit/core";
import { lossPerLayer, type LossOptions } from "./coefficient.js";
import { meanOverTokens } from "./internal/load.js";

/** The facts of {@link entropyLoss}. */
export const entropyLossFacts: MethodFacts = {
  id: "entropyLoss",
  title: "Router entropy loss",
  source: "Huang et al. 2024 (dynamic top-p), arXiv:2403.07652, section 2.3",
  summary: "Makes each token's distribution over experts sharper, so that a top-p router needs fewer experts.",
  formula: "mean_t -sum_i P[t, i] ln P[t, i]",
  parameters: { coefficient: { default: 0.0001, range: "0 or more", meaning: "Weight of the loss. Too large a one freezes the router to one expert per token." } },
};

/**
 * The mean entropy of the router's distribution for each layer, in nats: `mean over the real tokens of -sum_i P ln P`.
 * Default coefficient 0.0001.
 *
 * @source Huang et al. 2024, arXiv:2403.07652, section 2.3.
 * @example const terms = entropyLoss({ coefficient: 1e-4 }).loss(trace);
 */
export function entropyLoss({ coefficient = 1e-4 }: LossOptions = {}): BalancingTerm {
  const value = (entry: LayerRouting): Scalar =>
    tidy(() => {
      const { probs } = entry.routing;
      // The smallest normal float32 is 1e-38: P ln P is 0 there in every digit, and the logarithm stays finite.
      const logs_TE = tf.log(tf.maximum(probs, 1e-37));
      return meanOverTokens<Scalar>(tf.neg(tf.sum(tf.mul(probs, logs_TE), 1)), entry);
    });
  return lossPerLayer({ id: "entropyLoss", scope: "micro-batch", coefficient, value });
}
