import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { ConfigError, stopGradient, tidy, topK, type BalancingTerm, type LayerRouting, type MethodFacts, type TokenChoice } from "@moekit/core";
import { lossPerLayer, type LossOptions } from "./coefficient.js";
import { checkOneOf } from "./internal/check.js";
import { tokenWeights } from "./internal/load.js";
import { checkVariance, squaredCv } from "./internal/squared-cv.js";

/** The facts of {@link loadLoss}. */
export const loadLossFacts: MethodFacts = {
  id: "loadLoss",
  title: "Load loss of noisy top-k",
  source: "Shazeer et al. 2017, arXiv:1701.06538, eq. 8-11; Riquelme et al. 2021 (V-MoE), arXiv:2106.05974, appendix A",
  summary: "Evens out a smooth estimate of how many tokens each expert gets: the chance that it is chosen if its own noise is drawn again.",
  formula: "CV^2(L), L_i = sum_t Phi((clean[t, i] - threshold[t, i]) / std[t, i])",
  parameters: {
    coefficient: { default: 0.01, range: "0 or more", meaning: "Weight of the loss; 0.1 in the language models of 2017." },
    threshold: { default: "others", range: "others, all", meaning: "k-th largest noisy logit among the other experts, or (V-MoE) among all." },
    variance: { default: "unbiased", range: "unbiased, population", meaning: "Divide the sum of squares by E - 1 or by E; V-MoE takes E." },
  },
};

/**
 * Settings of {@link loadLoss}.
 * @example const vMoe: LoadLossOptions = { threshold: "all", variance: "population" };
 */
export interface LoadLossOptions extends LossOptions {
  /** What an expert must exceed: the k-th largest noisy logit of the `others` (default), or of `all` experts as in V-MoE. */
  readonly threshold?: "others" | "all";
  /** Default `unbiased`. */
  readonly variance?: "unbiased" | "population";
}

/**
 * The load loss for each layer: `CV^2(L)`, where `L_i` is the number of real tokens that expert i is expected to get.
 *
 * `L_i = sum_t Phi((clean_ti - threshold_ti) / std_ti)` with the normal distribution function `Phi`: the probability that i
 * stays among the k best if only its own noise is drawn again. `threshold_ti` is the k-th largest noisy logit of the other
 * experts: the (k+1)-th of all if i is among the best k, else the k-th. The gradient flows through all three. For routers
 * that put noise on their logits (`NoisyTopKRouter` of `@moekit/routing`). Default coefficient 0.01.
 *
 * @throws ConfigError if a setting is not among those of the facts; and, when the loss is computed, without noise or if every
 * expert is chosen.
 * @source Shazeer et al. 2017, arXiv:1701.06538, eq. 8-11.
 * @example const terms = loadLoss({ coefficient: 0.01 }).loss(trace);
 */
export function loadLoss({ coefficient = 0.01, threshold = "others", variance = "unbiased" }: LoadLossOptions = {}): BalancingTerm {
  checkOneOf("loadLoss", "threshold", threshold, ["others", "all"]);
  checkVariance("loadLoss", variance);
  const value = (entry: LayerRouting): Scalar =>
    tidy(() => {
      const { logits, noisyLogits, noiseStd, topK: k } = noisy(entry);
      const threshold_TE = threshold === "all" ? tf.slice(topK(noisyLogits, k).values, [0, k - 1], [-1, 1]) : othersThreshold(noisyLogits, k);
      const chance_TE = normalCdf(tf.div(tf.sub(logits, threshold_TE), noiseStd));
      const load_E = tf.sum(tf.mul(chance_TE, tf.expandDims(tokenWeights(entry), 1)), 0) as Tensor1D;
      return squaredCv(load_E, variance);
    });
  return lossPerLayer({ id: "loadLoss", scope: "micro-batch", coefficient, value });
}

function noisy({ routing, layer }: LayerRouting): Required<Pick<TokenChoice, "logits" | "noisyLogits">> & { noiseStd: tf.Tensor; topK: number } {
  const noiseStd = routing.extra?.noiseStd;
  if (routing.kind !== "token-choice" || !routing.noisyLogits || !noiseStd) {
    throw new ConfigError(`loadLoss: the router of layer ${layer} must give noisyLogits and extra.noiseStd; it gave none. Use NoisyTopKRouter, with context.training.`);
  }
  const slots = routing.expertIds.shape[1];
  if (slots >= routing.numExperts) throw new ConfigError(`loadLoss: topK must be below the ${routing.numExperts} experts, or every expert gets every token; got ${slots} in layer ${layer}.`);
  return { logits: routing.logits, noisyLogits: routing.noisyLogits, noiseStd, topK: slots };
}

/** `[T, E]`: the k-th largest value of the row without the entry itself. */
function othersThreshold(noisy_TE: Tensor2D, k: number): Tensor2D {
  const best = topK(noisy_TE, k + 1).values;
  const [ifOut_T1, ifIn_T1] = [tf.slice(best, [0, k - 1], [-1, 1]), tf.slice(best, [0, k], [-1, 1])];
  const isIn_TE = tf.cast(tf.greater(stopGradient(noisy_TE), stopGradient(ifIn_T1)), "float32");
  return tf.add(tf.mul(isIn_TE, ifIn_T1), tf.mul(tf.sub(1, isIn_TE), ifOut_T1));
}

const normalCdf = (x: tf.Tensor): tf.Tensor => tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));
