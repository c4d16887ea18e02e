import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { scatterRows, stopGradient, tidy, type BalancingTerm, type LayerRouting, type MethodFacts, type Routing } from "@moekit/core";
import { lossPerLayer, type LossOptions } from "./coefficient.js";
import { checkOneOf } from "./internal/check.js";
import { tokenWeights } from "./internal/load.js";
import { checkVariance, squaredCv } from "./internal/squared-cv.js";

/** The facts of {@link importanceLoss}. */
export const importanceLossFacts: MethodFacts = {
  id: "importanceLoss",
  title: "Importance loss",
  source: "Shazeer et al. 2017, arXiv:1701.06538, eq. 6-7; Riquelme et al. 2021 (V-MoE), arXiv:2106.05974, appendix A",
  summary: "Evens out the sums of gate values that the experts get over a batch.",
  formula: "CV^2(I), I_i = sum_t gate[t, i] (or sum_t P[t, i]); CV^2 = variance / mean^2",
  parameters: {
    coefficient: { default: 0.01, range: "0 or more", meaning: "Weight of the loss; 0.1 in the language models of 2017." },
    over: { default: "gates", range: "gates, probs", meaning: "What is summed; V-MoE takes the full probabilities." },
    variance: { default: "unbiased", range: "unbiased, population", meaning: "Divide the sum of squares by E - 1 or by E; V-MoE takes E." },
  },
};

/**
 * Settings of {@link importanceLoss}.
 * @example const vMoe: ImportanceLossOptions = { over: "probs", variance: "population" };
 */
export interface ImportanceLossOptions extends LossOptions {
  /** Sum the gates of the chosen experts (default) or the probabilities of all. */
  readonly over?: "gates" | "probs";
  /** Default `unbiased`. */
  readonly variance?: "unbiased" | "population";
}

/**
 * The importance loss for each layer: `CV^2(I)`, `I_i` = sum of expert i's gates over the real tokens.
 *
 * `CV^2 = variance / mean^2`: the unbiased variance with 1e-10 added to the squared mean, or the population variance. 0 for
 * a single expert. The gradient flows through the gates. Default coefficient 0.01.
 *
 * @throws ConfigError if a setting is not among those of the facts.
 * @source Shazeer et al. 2017, arXiv:1701.06538, eq. 6-7; details as in davidmrau/mixture-of-experts and google-research/vmoe.
 * @example const terms = importanceLoss({ coefficient: 0.01 }).loss(trace);
 */
export function importanceLoss({ coefficient = 0.01, over = "gates", variance = "unbiased" }: ImportanceLossOptions = {}): BalancingTerm {
  checkOneOf("importanceLoss", "over", over, ["gates", "probs"]);
  checkVariance("importanceLoss", variance);
  const value = (entry: LayerRouting): Scalar => tidy(() => squaredCv(over === "gates" ? gateSums(entry) : probSums(entry), variance));
  return lossPerLayer({ id: "importanceLoss", scope: "micro-batch", coefficient, value });
}

/** `[E]` */
function probSums(entry: LayerRouting): Tensor1D {
  return tf.sum(tf.mul(entry.routing.probs, tf.expandDims(tokenWeights(entry), 1)), 0);
}

/** `[E]`. A router that lets experts choose gives padding no place. */
function gateSums(entry: LayerRouting): Tensor1D {
  const { routing } = entry;
  if (routing.kind === "expert-choice") return tf.sum(routing.gates, 1);
  const weighted = tf.mul(routing.gates, tf.expandDims(tokenWeights(entry), 1)) as Tensor2D;
  return routing.kind === "dense-mix" ? tf.sum(weighted, 0) : sumByExpert(weighted, routing);
}

function sumByExpert(gates_TK: Tensor2D, { expertIds, numExperts }: Routing & { kind: "token-choice" }): Tensor1D {
  const ids_N = tf.reshape(stopGradient(expertIds), [-1]) as Tensor1D;
  return tf.reshape(scatterRows(tf.reshape(gates_TK, [-1, 1]), ids_N, numExperts), [-1]);
}
