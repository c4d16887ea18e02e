import * as tf from "@tensorflow/tfjs";
import type { Scalar } from "@tensorflow/tfjs";
import { ConfigError, tidy, type BalancingTerm, type LayerRouting, type MethodFacts } from "@moekit/core";
import { lossPerLayer, type LossOptions } from "./coefficient.js";
import { checkBoolean, checkOneOf } from "./internal/check.js";
import { choiceCounts, dot, meanOverTokens, numTokens, shares } from "./internal/load.js";

/** The facts of {@link switchLoss}. */
export const switchLossFacts: MethodFacts = {
  id: "switchLoss",
  title: "Switch / GShard load-balancing loss",
  source: "Fedus et al. 2021, arXiv:2101.03961, eq. 4-6; Lepikhin et al. 2020 (GShard), arXiv:2006.16668, algorithm 1; DeepSeekMoE, arXiv:2401.06066, eq. 12-14",
  summary: "Pushes the router's mean probabilities away from the experts that were chosen most in this micro-batch.",
  formula: "E * sum_i f_i * mean_t P[t, i]; f_i = choices of expert i, divided by all choices (assignments), by tokens, or first choices by tokens (top1); f without gradient",
  parameters: {
    coefficient: { default: 0.01, range: "0 or more", meaning: "Weight of the loss; comparable within one fNorm only." },
    fNorm: { default: "assignments", range: "assignments, tokens, top1", meaning: "What f is divided by. At perfect balance the loss is 1, k, 1." },
    countUnbiased: { default: false, range: "true or false", meaning: "Count the top k by probability instead of what a selection bias chose." },
  },
};

/**
 * What the counts of {@link switchLoss} are divided by. `assignments`: all choices (1 at perfect balance); `tokens`:
 * tokens (k at perfect balance; flaxformer, transformers, and the dynamic top-p router); `top1`: only first choices count,
 * divided by tokens (GShard).
 * @example const norm: FNorm = "tokens";
 */
export type FNorm = "assignments" | "tokens" | "top1";

/**
 * Settings of {@link switchLoss}.
 * @example const options: SwitchLossOptions = { coefficient: 0.01, fNorm: "assignments" };
 */
export interface SwitchLossOptions extends LossOptions {
  /** Default `assignments`. */
  readonly fNorm?: FNorm;
  /** Count the top k of `probs` instead of the choice made: for routers with a selection bias, as in Megatron-LM. Default false. */
  readonly countUnbiased?: boolean;
}

/**
 * The load-balancing loss of Switch and GShard for each layer, over the micro-batch: with `fNorm` `assignments` also the
 * expert-level loss of DeepSeekMoE.
 *
 * `E * sum_i f_i * Pbar_i`, `Pbar_i` = mean probability of expert i over the real tokens, `f_i` = its share of the choices
 * before capacity. `f` is a constant, so that the gradient at logit (t, i) is `E / T * P_ti * (f_i - sum_j P_tj f_j)`.
 * Default coefficient 0.01.
 *
 * @throws ConfigError if a setting is not among those of the facts; and, when the loss is computed, if experts choose tokens and
 * only first or unbiased choices are to be counted.
 * @source Fedus et al. 2021, arXiv:2101.03961, eq. 4-6.
 * @example const terms = switchLoss({ coefficient: 0.01 }).loss(trace);
 */
export function switchLoss({ coefficient = 0.01, fNorm = "assignments", countUnbiased = false }: SwitchLossOptions = {}): BalancingTerm {
  checkOneOf("switchLoss", "fNorm", fNorm, ["assignments", "tokens", "top1"]);
  checkBoolean("switchLoss", "countUnbiased", countUnbiased);
  if (fNorm === "top1" && countUnbiased) throw new ConfigError("switchLoss: countUnbiased must be false with fNorm top1, which counts first choices only; got true.");
  const value = (entry: LayerRouting): Scalar =>
    tidy(() => {
      const counts_E = choiceCounts(entry, fNorm === "top1" ? "first" : countUnbiased ? "unbiased" : "made");
      const f_E = fNorm === "assignments" ? shares(counts_E) : tf.div(counts_E, numTokens(entry));
      return tf.mul(dot(f_E, meanOverTokens(entry.routing.probs, entry)), entry.routing.numExperts) as Scalar;
    });
  return lossPerLayer({ id: "switchLoss", scope: "micro-batch", coefficient, value });
}
