import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { ConfigError } from "../errors.js";
import { sortByExpert } from "../ops/sort-by-expert/sort-by-expert.js";
import { topK } from "../ops/top-k/top-k.js";
import { stopGradient } from "../stop-gradient.js";
import { tidy } from "../tidy.js";
import type { TokenChoice } from "../types.js";

/**
 * Who gets an expert's slots: `position`: the earliest tokens; `first-choice`: all first choices in token order, then all
 * second choices, and so on; `probs`: the tokens with the highest probability of that expert, ties to the earlier.
 * @example const priority: CapacityPriority = "probs";
 */
export type CapacityPriority = "position" | "first-choice" | "probs";

/**
 * What {@link capacity} takes.
 * @example const options: CapacityOptions = { numTokens: 8, numExperts: 2, topK: 1, factor: 1.25 };
 */
export interface CapacityOptions {
  /** Tokens, padding included, because its number is known without reading data. */
  readonly numTokens: number;
  readonly numExperts: number;
  /** Choices per token. */
  readonly topK: number;
  /** 1 leaves room for a perfectly even load; 1 to 1.25 is usual in training, 2 in evaluation. */
  readonly factor: number;
}

/**
 * Slots per expert: `ceil(factor * topK * numTokens / numExperts)`.
 *
 * @throws ConfigError if no slot is left.
 * @source Fedus et al. 2021, arXiv:2101.03961, eq. 3; rounding up and the factor k as in Megatron-LM moe_utils.py.
 * @example capacity({ numTokens: 8, numExperts: 2, topK: 1, factor: 1 }); // 4
 */
export function capacity({ numTokens, numExperts, topK, factor }: CapacityOptions): number {
  const slots = Math.ceil((factor * topK * numTokens) / numExperts);
  if (!(slots >= 1 || numTokens === 0)) {
    throw new ConfigError(`capacity: ${numTokens} tokens x ${topK} choices x factor ${factor} / ${numExperts} experts leaves no slot. Use a factor above 0.`);
  }
  return slots;
}

/**
 * Drops the choices that exceed each expert's capacity: their id becomes -1 and their gate 0, so that they add nothing to
 * the output. Remaining gates are not renormalised. The choice before dropping stays in `chosenIds`.
 *
 * @param slots - Slots per expert: one number, or one for each expert.
 * @param valid - `[T]`, 0 for padding. Padding takes no slot: its choices are emptied, and do not count as dropped.
 * @returns The routing with `expertIds`, `gates`, `dropped` and `chosenIds` replaced. The gradient of `gates` passes where kept.
 * @source Lepikhin et al. 2020 (GShard), algorithm 1 (first choices first); Megatron-LM apply_router_token_dropping.
 * @example const limited = applyCapacity(routing, 4, "probs");
 */
export function applyCapacity(routing: TokenChoice, slots: number | readonly number[], priority: CapacityPriority, valid?: Tensor1D): TokenChoice {
  return tidy(() => {
    const chosen = stopGradient(routing.chosenIds ?? routing.expertIds);
    const candidates = valid ? emptied(routing.expertIds, tf.less(stopGradient(valid), 0.5)) : stopGradient(routing.expertIds);
    const isReal = tf.greaterEqual(candidates, tf.scalar(0, "int32"));
    const kept = tf.logicalAnd(isReal, tf.less(places(routing, candidates, priority), limits(candidates, slots)));
    const expertIds = tf.where(kept, candidates, tf.fill(candidates.shape, -1, "int32")) as Tensor2D;
    const dropped = tf.cast(tf.logicalAnd(isReal, tf.logicalNot(kept)), "float32") as Tensor2D;
    const gates = tf.mul(routing.gates, tf.cast(kept, "float32")) as Tensor2D;
    return { ...routing, expertIds, gates, dropped, chosenIds: chosen };
  });
}

/** `[T, K]` int32: how many slots of the same expert come before each slot in the order of priority. */
function places(routing: TokenChoice, ids_TK: Tensor2D, priority: CapacityPriority): Tensor2D {
  const [numTokens, slotsPerToken] = ids_TK.shape;
  if (ids_TK.size === 0 || priority === "position") return placesInOrder(ids_TK, routing.numExperts);
  if (priority === "first-choice") return tf.transpose(placesInOrder(tf.transpose(ids_TK) as Tensor2D, routing.numExperts));
  const scores_1N = tf.reshape(chosenProbs(routing, ids_TK), [1, ids_TK.size]) as Tensor2D;
  const best_N = tf.reshape(topK(scores_1N, ids_TK.size).ids, [ids_TK.size]);
  const sortedIds = tf.reshape(tf.gather(tf.reshape(ids_TK, [-1]), best_N), [ids_TK.size, 1]) as Tensor2D;
  const sortedPlaces = tf.reshape(placesInOrder(sortedIds, routing.numExperts), [-1]);
  return tf.reshape(tf.scatterND(tf.expandDims(best_N, 1), sortedPlaces, [ids_TK.size]), [numTokens, slotsPerToken]);
}

function placesInOrder(ids: Tensor2D, numExperts: number): Tensor2D {
  const { inverse, offsets } = sortByExpert(ids, numExperts);
  if (ids.size === 0) return ids;
  return tf.sub(tf.reshape(inverse, ids.shape), tf.reshape(tf.gather(offsets, realIds(ids)), ids.shape));
}

/** `[T, K]`: the probability of each chosen expert. */
function chosenProbs(routing: TokenChoice, ids_TK: Tensor2D): Tensor2D {
  const [numTokens, numExperts] = routing.probs.shape;
  const rowStart_T1 = tf.reshape(tf.range(0, numTokens * numExperts, numExperts, "int32"), [numTokens, 1]);
  const cells = tf.add(tf.reshape(realIds(ids_TK), ids_TK.shape), rowStart_T1);
  return tf.reshape(tf.gather(tf.reshape(stopGradient(routing.probs), [-1]), tf.reshape(cells, [-1])), ids_TK.shape);
}

function limits(ids: Tensor2D, slots: number | readonly number[]): tf.Tensor {
  if (typeof slots === "number") return tf.scalar(slots, "int32");
  return ids.size === 0 ? ids : tf.reshape(tf.gather(tf.tensor1d([...slots], "int32"), realIds(ids)), ids.shape);
}

/** `[N]`: -1 becomes 0, so that it can index; what comes of it is ignored. */
const realIds = (ids: Tensor2D): Tensor1D => tf.reshape(tf.maximum(ids, tf.scalar(0, "int32")), [ids.size]);

function emptied(ids_TK: Tensor2D, isPadding_T: tf.Tensor): Tensor2D {
  const isPadding_TK = tf.logicalOr(tf.expandDims(isPadding_T, 1), tf.zeros(ids_TK.shape, "bool"));
  return tf.where(isPadding_TK, tf.fill(ids_TK.shape, -1, "int32"), stopGradient(ids_TK)) as Tensor2D;
}
