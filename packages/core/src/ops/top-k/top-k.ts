import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { ConfigError } from "../../errors.js";
import { stopGradient } from "../../stop-gradient.js";
import { checkTensor } from "../check.js";

/** Stands for minus infinity (masked experts), between which the topk of tfjs breaks ties wrongly: their difference is NaN. */
const LOWEST = -3.4028234e38;

/** The op behind {@link topK}. @example topKOp.spec.name; // "MoekitTopK" */
export const topKOp = defineOp<{ scores: Tensor2D }, { k: number }>({
  name: "MoekitTopK",
  reference: ({ scores }, { k }) => {
    if (scores.shape[0] === 0) return [tf.zeros([0, k]), tf.zeros([0, k], "int32")];
    const ids = tf.topk(tf.maximum(scores, LOWEST), k, true).indices as Tensor2D;
    const values = tf.gather(tf.reshape(scores, [-1]), tf.reshape(cells(ids, scores.shape), [-1]));
    return [tf.reshape(values, ids.shape), ids];
  },
  gradient: ([dValues], { inputs: { scores }, outputs: [, ids] }) => ({
    scores: () => scatterColumns(dValues as Tensor2D, ids as Tensor2D, scores.shape),
  }),
});

/**
 * The k largest scores of each row.
 *
 * The choice has no gradient; the gradient of `values` flows to the chosen scores.
 *
 * @param scores - `[T, E]` float32.
 * @param k - 1 to E.
 * @returns `values` `[T, K]` float32, best first; `ids` `[T, K]` int32, ties to the lower id.
 * @throws ShapeError if `scores` is not a float32 matrix; ConfigError if `k` is not a whole number from 1 to E.
 * @example topK(tf.tensor2d([[1, 3, 3]]), 2).ids.print(); // [[1, 2]]
 */
export function topK(scores: Tensor2D, k: number): { values: Tensor2D; ids: Tensor2D } {
  checkTensor(scores, { in: "topK", name: "scores", shape: [null, null], axes: "[T, E]" });
  const numExperts = scores.shape[1];
  if (!Number.isInteger(k) || k < 1 || k > numExperts) throw new ConfigError(`topK: k must be a whole number from 1 to E = ${numExperts}; got ${k}.`);
  const [values, chosen] = topKOp.run({ scores }, { k }) as [Tensor2D, Tensor2D];
  // Off the tape, so that whatever is made of the ids (masks, counts) needs no gradient.
  const ids = stopGradient(chosen);
  chosen.dispose();
  return { values, ids };
}

/** `[T, E]` with `values[t, k]` at column `ids[t, k]`, zeros elsewhere. */
function scatterColumns(values: Tensor2D, ids: Tensor2D, shape: [number, number]): tf.Tensor {
  const [rows, columns] = shape;
  if (rows === 0) return tf.zeros(shape);
  const cells_N1 = tf.reshape(cells(ids, shape), [-1, 1]);
  return tf.reshape(tf.scatterND(cells_N1, tf.reshape(values, [-1]), [rows * columns]), shape);
}

/** `[T, K]`: places in the flat scores. */
function cells(ids: Tensor2D, [rows, columns]: [number, number]): tf.Tensor {
  return tf.add(ids, tf.reshape(tf.range(0, rows * columns, columns, "int32"), [rows, 1]));
}
