import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { ConfigError, hostInts, matmul2d, readsSynchronously, stopGradient, tidy, type BalancingTerm, type LayerRouting, type MethodFacts } from "@moekit/core";
import { lossPerLayer, type LossOptions } from "./coefficient.js";
import { checkBoolean, checkWholeFromOne } from "./internal/check.js";
import { countedIds, shares, tokenWeights } from "./internal/load.js";

/** The facts of {@link sequenceLoss}. */
export const sequenceLossFacts: MethodFacts = {
  id: "sequenceLoss",
  title: "Sequence-wise load-balancing loss",
  source: "DeepSeek-V3, arXiv:2412.19437, eq. 17-20; DeepSeekMoE, arXiv:2401.06066, eq. 12-14, as released",
  summary: "The load-balancing loss of each sequence on its own, averaged: keeps single sequences from using few experts.",
  formula: "mean over sequences s of E * sum_i f_si * Pbar_si; f_si = share of expert i in the choices of s",
  parameters: {
    coefficient: { default: 0.0001, range: "0 or more", meaning: "Weight of the loss." },
    numSequences: { default: "from the ids", range: "1 or more", meaning: "Most sequences in a micro-batch; must be given where the backend cannot read ids synchronously." },
    countUnbiased: { default: false, range: "true or false", meaning: "Count the top k by probability instead of what a selection bias chose." },
  },
};

/**
 * Settings of {@link sequenceLoss}.
 * @example const options: SequenceLossOptions = { coefficient: 1e-4, numSequences: 16 };
 */
export interface SequenceLossOptions extends LossOptions {
  /** Most sequences in a micro-batch; sequence ids are below it. Needed on backends that cannot read synchronously. */
  readonly numSequences?: number;
  /** Count the top k of `probs` instead of the choice made: for routers with a selection bias, as in Megatron-LM. Default false. */
  readonly countUnbiased?: boolean;
}

/**
 * The load-balancing loss within each sequence, averaged over the sequences that have real tokens, for each layer.
 *
 * `E * sum_i f_i * Pbar_i` with `f_i` = share of expert i in the choices of the sequence (no gradient) and `Pbar_i` = mean
 * over its tokens of `probs`. With one sequence it is the loss of the batch ({@link switchLoss}). Needs
 * `context.sequenceIds`. Default coefficient 0.0001.
 *
 * @throws ConfigError if a setting is out of its range; and, when the loss is computed, without sequence ids, with ids not below
 * `numSequences` (seen only where ids can be read), or without `numSequences` where they cannot.
 * @source DeepSeek-V3, arXiv:2412.19437, eq. 17-20; Megatron-LM router.py, _apply_seq_aux_loss.
 * @example const terms = sequenceLoss({ coefficient: 1e-4 }).loss(trace);
 */
export function sequenceLoss({ coefficient = 1e-4, numSequences, countUnbiased = false }: SequenceLossOptions = {}): BalancingTerm {
  if (numSequences !== undefined) checkWholeFromOne("sequenceLoss", "numSequences", numSequences);
  checkBoolean("sequenceLoss", "countUnbiased", countUnbiased);
  const value = (entry: LayerRouting): Scalar =>
    tidy(() => {
      const { routing } = entry;
      const members_TG = membership(entry, numSequences);
      const chosen_TE = chosenMask(countedIds(routing, countUnbiased ? "unbiased" : "made"), routing.numExperts);
      const f_GE = shares(matmul2d(members_TG, chosen_TE, true), 1);
      const tokens_G = tf.sum(members_TG, 0);
      const meanProbs_GE = tf.div(matmul2d(members_TG, routing.probs, true), tf.maximum(tf.expandDims(tokens_G, 1), 1));
      const numReal = tf.sum(tf.cast(tf.greater(tokens_G, 0), "float32"));
      return tf.mul(tf.div(tf.sum(tf.mul(f_GE, meanProbs_GE)), tf.maximum(numReal, 1)), routing.numExperts) as Scalar;
    });
  return lossPerLayer({ id: "sequenceLoss", scope: "sequence", coefficient, value });
}

/** `[T, G]`: 1 at the sequence of each real token. */
function membership(entry: LayerRouting, numSequences: number | undefined): Tensor2D {
  const { sequenceIds } = entry.context;
  if (!sequenceIds) throw new ConfigError(`sequenceLoss: context.sequenceIds must be given; layer ${entry.layer} has none.`);
  const ids_T = stopGradient(sequenceIds);
  const sequences_G = tf.range(0, countSequences(ids_T, numSequences), 1, "int32");
  const members_TG = tf.cast(tf.equal(tf.expandDims(ids_T, 1), sequences_G), "float32");
  return tf.mul(members_TG, tf.expandDims(tokenWeights(entry), 1)) as Tensor2D;
}

/** A token of a sequence past the last one would silently not count, so ids are looked at where that costs nothing. */
function countSequences(ids_T: Tensor1D, numSequences: number | undefined): number {
  if (!readsSynchronously()) {
    if (numSequences !== undefined) return numSequences;
    throw new ConfigError(`sequenceLoss: numSequences must be given on the backend ${tf.getBackend()}, which cannot read ids synchronously.`);
  }
  const largest = hostInts(ids_T).reduce((most, id) => Math.max(most, id), 0);
  if (largest >= (numSequences ?? Infinity)) throw new ConfigError(`sequenceLoss: context.sequenceIds must be below numSequences = ${numSequences}; got ${largest}.`);
  return numSequences ?? largest + 1;
}

/** `[T, E]`: 1 at the chosen experts. */
function chosenMask(ids_TK: Tensor2D, numExperts: number): Tensor2D {
  const experts = tf.range(0, numExperts, 1, "int32");
  return tf.sum(tf.cast(tf.equal(tf.expandDims(ids_TK, 2), experts), "float32"), 1) as Tensor2D;
}
