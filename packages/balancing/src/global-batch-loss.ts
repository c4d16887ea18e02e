import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor1D } from "@tensorflow/tfjs";
import { ConfigError, stopGradient, tidy, type BalancingTerm, type LayerRouting, type MethodFacts } from "@moekit/core";
import { lossPerLayer, type LossOptions } from "./coefficient.js";
import { CountBuffer } from "./count-buffer.js";
import { choiceCounts, dot, meanOverTokens, shares } from "./internal/load.js";

/** The facts of {@link globalBatchLoss}. */
export const globalBatchLossFacts: MethodFacts = {
  id: "globalBatchLoss",
  title: "Global-batch load-balancing loss",
  source: "Qiu et al. 2025 (Demons in the Detail), arXiv:2501.11873, section 3",
  summary: "The load-balancing loss with the load of the whole global batch: only the corpus must use all experts evenly, so that experts may specialise in domains.",
  formula: "E * sum_i f_i * mean_t P[t, i]; f_i = share of expert i in the choices of the global batch, P of the micro-batch",
  parameters: { coefficient: { default: 0.008, range: "0 or more", meaning: "Weight of the loss." } },
};

/**
 * The load-balancing loss over the global batch, exact for each layer.
 *
 * `E * sum_i f_i * Pbar_i`: `f` from `LayerRouting.globalCounts`, the choices in all micro-batches of the optimiser step
 * (the trainer counts them beforehand), `Pbar` from this micro-batch. Averaged over micro-batches, weighted by their tokens,
 * value and gradient are those of {@link switchLoss} on the concatenated batch. Without `globalCounts` this micro-batch is the global
 * batch. Default coefficient 0.008.
 *
 * @source Qiu et al. 2025, arXiv:2501.11873, section 3; exact by two passes, which the paper does not do
 * (see {@link bufferedGlobalBatchLoss} for what it does).
 * @example const terms = globalBatchLoss({ coefficient: 0.008 }).loss(trace);
 */
export function globalBatchLoss({ coefficient = 0.008 }: LossOptions = {}): BalancingTerm {
  const value = (entry: LayerRouting): Scalar => lossWith(entry.globalCounts ?? choiceCounts(entry), entry);
  return lossPerLayer({ id: "globalBatchLoss", scope: "global-batch", coefficient, value });
}

/** The facts of {@link bufferedGlobalBatchLoss}. */
export const bufferedGlobalBatchLossFacts: MethodFacts = {
  id: "bufferedGlobalBatchLoss",
  title: "Global-batch load-balancing loss with an accumulation buffer",
  source: "Qiu et al. 2025 (Demons in the Detail), arXiv:2501.11873, section 3; Megatron-LM router.py, _apply_global_aux_loss",
  summary: "Approximates the global batch by the micro-batches seen so far in this optimiser step: one pass instead of two.",
  formula: "E * sum_i f_i * mean_t P[t, i]; f_i = share of expert i in the choices of the micro-batches 1..g of this step",
  parameters: {
    coefficient: { default: 0.008, range: "0 or more", meaning: "Weight of the loss." },
    buffer: { default: "none", range: "a CountBuffer", meaning: "Counts of this optimiser step, filled before each loss and emptied after each step." },
  },
};

/**
 * Settings of {@link bufferedGlobalBatchLoss}.
 * @example const options: BufferedLossOptions = { buffer: new CountBuffer() };
 */
export interface BufferedLossOptions extends LossOptions {
  /** Holds the counts of this and the earlier micro-batches of the optimiser step. */
  readonly buffer: CountBuffer;
}

/**
 * The load-balancing loss with the load of the micro-batches seen so far, as the paper does over gradient accumulation.
 *
 * As {@link globalBatchLoss}, with `f` from `buffer`. Before each loss add the micro-batch to the buffer, after each
 * optimiser step reset it, and do neither in evaluation. An approximation in early micro-batches. Its scope is
 * `micro-batch`, because the trainer need not count anything beforehand. Default coefficient 0.008.
 *
 * @throws ConfigError if `buffer` is none; and, when the loss is computed, if nothing was added for a layer.
 * @source Qiu et al. 2025, arXiv:2501.11873, section 3.
 * @example
 * const buffer = new CountBuffer();
 * const balancing = [bufferedGlobalBatchLoss({ buffer })];
 * const hooks = { onMicroStep: ({ trace }) => buffer.add(trace), onStep: () => buffer.reset() };
 */
export function bufferedGlobalBatchLoss({ coefficient = 0.008, buffer }: BufferedLossOptions): BalancingTerm {
  if (!(buffer instanceof CountBuffer)) throw new ConfigError(`bufferedGlobalBatchLoss: buffer must be a CountBuffer; got ${JSON.stringify(buffer)}. From a config file use globalBatchLoss, which needs none.`);
  const value = (entry: LayerRouting): Scalar => lossWith(buffer.counts(entry.layer, entry.part), entry);
  return lossPerLayer({ id: "bufferedGlobalBatchLoss", scope: "micro-batch", coefficient, value });
}

function lossWith(counts_E: Tensor1D, entry: LayerRouting): Scalar {
  return tidy(() => {
    const f_E = shares(stopGradient(counts_E));
    return tf.mul(dot(f_E, meanOverTokens(entry.routing.probs, entry)), entry.routing.numExperts) as Scalar;
  });
}
