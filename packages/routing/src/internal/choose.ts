/** Choosing: off the tape. The scores of what was chosen: on it. Letters: T tokens, E experts, K slots. */
import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { gatherRows, stopGradient, topK, type RouteContext } from "@moekit/core";
import { checkOverride, checkWhole } from "./check.js";

/** Score of an expert that must not be chosen. Finite, because WGSL knows no infinity; -Infinity excludes too. */
export const EXCLUDED = -1e30;
/** No score this small is ever chosen. A score that is not a number is: what went wrong must not vanish in an empty slot. */
const LOWEST = -1e29;

/** What a token-choice router decided, before its gates are scaled. */
export interface Choice {
  /** `[T, K]` int32, -1 where nothing was left to choose. Off the tape. */
  readonly expertIds: Tensor2D;
  /** `[T, K]`: the scores at those ids, on the tape; 0 in empty slots. */
  readonly scores: Tensor2D;
  /** `[T, E]`, off the tape; only where the choice was made by something else than `scores`. */
  readonly selectionScores?: Tensor2D;
}

/** What {@link chooseTopK} takes. */
export interface Choosing {
  /** The router, for errors. */
  readonly in: string;
  /** `[T, E]`: what gates are made of. */
  readonly scores: Tensor2D;
  /** `[T, E]`: what the choice is made by, if something else. Its gradient is ignored. */
  readonly selection?: Tensor2D;
  readonly topK: number;
  readonly context: RouteContext;
}

/** The best experts of each token, or those that the context forces. Honours `topK`, `expertIds` and `scoreBias`. */
export function chooseTopK({ in: where, scores, selection, topK: k, context: { overrides = {} } }: Choosing): Choice {
  const selectionScores = withScoreBias(where, selection ?? scores, overrides.scoreBias) ?? (selection && stopGradient(selection));
  const forced = overrides.expertIds;
  if (forced) {
    checkOverride(where, "expertIds", forced, [scores.shape[0], null], "int32");
    return { expertIds: stopGradient(forced), scores: scoresAt(scores, forced), selectionScores };
  }
  const slots = overrides.topK ?? k;
  checkWhole(where, "topK", slots, 1, scores.shape[1]);
  return { ...best(scores, selectionScores, slots), selectionScores };
}

/** The best `k` columns of each row by `selection` (default: by `scores` themselves), and the scores there. */
export function best(scores: Tensor2D, selection: Tensor2D | undefined, k: number): Choice {
  if (!selection) {
    const { values, ids } = topK(scores, k);
    return { expertIds: ids, scores: values };
  }
  const { values, ids } = topK(stopGradient(selection), k);
  const expertIds = tf.where(tf.lessEqual(values, LOWEST), tf.fill(ids.shape, -1, "int32"), ids) as Tensor2D;
  return { expertIds, scores: scoresAt(scores, expertIds) };
}

/** `[T, K]`: `scores[t, ids[t, k]]`, 0 where the id is -1. Carries the gradient to `scores`. */
export function scoresAt(scores: Tensor2D, ids_TK: Tensor2D): Tensor2D {
  const [rows, columns] = scores.shape;
  if (ids_TK.size === 0) return tf.zeros(ids_TK.shape);
  const ids = stopGradient(ids_TK);
  const rowStart_T1 = tf.reshape(tf.range(0, rows * columns, columns, "int32"), [rows, 1]);
  const isReal = tf.greaterEqual(ids, tf.scalar(0, "int32"));
  const cells_N = tf.reshape(tf.where(isReal, tf.add(ids, rowStart_T1), ids), [-1]) as Tensor1D;
  return tf.reshape(gatherRows(tf.reshape(scores, [-1, 1]), cells_N), ids_TK.shape);
}

/** `[T, E]` off the tape: `scores + bias`, or undefined without a bias. */
export function withScoreBias(where: string, scores: Tensor2D, bias: tf.Tensor | undefined): Tensor2D | undefined {
  if (!bias) return undefined;
  const [numTokens, numExperts] = scores.shape;
  checkOverride(where, "scoreBias", bias, bias.rank === 1 ? [numExperts] : [numTokens, numExperts], "float32");
  return tf.add(stopGradient(scores), stopGradient(bias));
}

/** The gates that the context forces, or else `gates()`. */
export function forcedOr(where: string, context: RouteContext, { expertIds }: Choice, gates: () => Tensor2D): Tensor2D {
  const forced = context.overrides?.gates;
  if (!forced) return gates();
  checkOverride(where, "gates", forced, expertIds.shape, "float32");
  return forced;
}

/** Each row divided by its sum. The small number keeps rows of zeros 0 and is lost in the rounding of all others. */
export const normalised = (scores: Tensor2D): Tensor2D => tf.div(scores, tf.add(tf.sum(scores, 1, true), 1e-20));

/** `[T, K]` ids with -1 in the rows of padding. */
export function withoutPadding(ids_TK: Tensor2D, valid_T: Tensor1D | undefined): Tensor2D {
  if (!valid_T) return ids_TK;
  const isReal_T1 = tf.greater(tf.expandDims(stopGradient(valid_T), 1), 0.5);
  const isReal_TK = tf.logicalAnd(isReal_T1, tf.ones(ids_TK.shape, "bool"));
  return tf.where(isReal_TK, ids_TK, tf.fill(ids_TK.shape, -1, "int32")) as Tensor2D;
}
