import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { stopGradient, tidy, type BalancingTerm, type LayerRouting, type MethodFacts } from "@moekit/core";
import { lossPerLayer, type LossOptions } from "./coefficient.js";
import { meanOverTokens } from "./internal/load.js";

/** The facts of {@link zLoss}. */
export const zLossFacts: MethodFacts = {
  id: "zLoss",
  title: "Router z-loss",
  source: "Zoph et al. 2022 (ST-MoE), arXiv:2202.08906, eq. 5",
  summary: "Keeps router logits small, which keeps training stable.",
  formula: "mean_t (logsumexp_i logits[t, i])^2",
  parameters: { coefficient: { default: 0.001, range: "0 or more", meaning: "Weight of the loss; 0.0001 in OpenMoE." } },
};

/**
 * The router z-loss for each layer: `mean over the real tokens of logsumexp(logits)^2`, on the raw logits, before noise and
 * bias. Default coefficient 0.001.
 *
 * @source Zoph et al. 2022 (ST-MoE), arXiv:2202.08906, eq. 5.
 * @example const terms = zLoss({ coefficient: 0.001 }).loss(trace);
 */
export function zLoss({ coefficient = 0.001 }: LossOptions = {}): BalancingTerm {
  const value = (entry: LayerRouting): Scalar => tidy(() => meanOverTokens<Scalar>(tf.square(logSumExp(entry.routing.logits)), entry));
  return lossPerLayer({ id: "zLoss", scope: "micro-batch", coefficient, value });
}

/** `[T]`. The largest logit only keeps `exp` in range, so no gradient need pass through it (tfjs' own `logSumExp` sends one, slowly). */
function logSumExp(logits_TE: Tensor2D): Tensor1D {
  const largest_T1 = tf.max(stopGradient(logits_TE), 1, true);
  return tf.add(tf.log(tf.sum(tf.exp(tf.sub(logits_TE, largest_T1)), 1)), tf.squeeze(largest_T1, [1])) as Tensor1D;
}
