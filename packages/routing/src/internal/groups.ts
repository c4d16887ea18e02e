/** Group-limited choice. Letters: T tokens, E experts, G groups of E / G neighbouring experts. */
import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { ConfigError, stopGradient, topK } from "@moekit/core";
import { checkWhole } from "./check.js";
import { EXCLUDED } from "./choose.js";

/** How many groups there are and how many of them a token may use. */
export interface GroupLimit {
  readonly numGroups: number;
  readonly topKGroups: number;
  /** A group's score is the sum of this many of its best scores. */
  readonly bestOfGroup: number;
}

/**
 * `[T, E]` off the tape: the scores, and {@link EXCLUDED} in the groups that are not among the token's best.
 * Not 0 there, as in transformers 4: an excluded expert could then win where all biased scores are negative.
 */
export function withinBestGroups(scores: Tensor2D, { numGroups: G, topKGroups, bestOfGroup }: GroupLimit): Tensor2D {
  const constant = stopGradient(scores);
  if (topKGroups === G || scores.size === 0) return constant;
  const [T, E] = scores.shape;
  const size = E / G;
  const bestScores = topK(tf.reshape(constant, [T * G, size]) as Tensor2D, Math.min(bestOfGroup, size)).values;
  const groups_TG = tf.reshape(tf.sum(bestScores, 1), [T, G]) as Tensor2D;
  const chosen_TG = tf.sum(tf.oneHot(topK(groups_TG, topKGroups).ids, G), 1);
  const isIn_TGS = tf.logicalAnd(tf.greater(tf.expandDims(chosen_TG, 2), 0), tf.ones([T, G, size], "bool"));
  return tf.where(tf.reshape(isIn_TGS, [T, E]), constant, tf.fill([T, E], EXCLUDED)) as Tensor2D;
}

/** Throws a ConfigError unless the experts split into the groups and `topK` of them fit into the best ones. */
export function checkGroups(where: string, numExperts: number, topKExperts: number, { numGroups, topKGroups }: Omit<GroupLimit, "bestOfGroup">): void {
  checkWhole(where, "numGroups", numGroups, 1, numExperts);
  checkWhole(where, "topKGroups", topKGroups, 1, numGroups);
  if (numExperts % numGroups !== 0) throw new ConfigError(`${where}: numExperts must be a multiple of numGroups; got ${numExperts} and ${numGroups}.`);
  checkWhole(where, "topK", topKExperts, 1, (numExperts / numGroups) * topKGroups);
}
