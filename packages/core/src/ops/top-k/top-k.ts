import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { ConfigError } from "../../errors.js";
import { stopGradient } from "../../stop-gradient.js";
import { checkTensor } from "../check.js";
import { readsSynchronously } from "../host.js";

type Inputs = { scores: Tensor2D };
type Attributes = { k: number };

/** The op behind {@link topK}. @example topKOp.spec.name; // "MoekitTopK" */
export const topKOp = defineOp<Inputs, Attributes>({
  name: "MoekitTopK",
  reference: ({ scores }, { k }) => {
    if (scores.size === 0 || readsSynchronously()) return chooseOnHost(scores, k);
    const { values, indices } = tf.topk(scores, k, true);
    return [values, indices];
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

/** Own loop, because the topk of cpu and wasm breaks ties wrongly between scores of minus infinity (masked experts). */
function chooseOnHost(scores: Tensor2D, k: number): Tensor2D[] {
  const [numTokens, numExperts] = scores.shape;
  const all = scores.dataSync();
  const values = new Float32Array(numTokens * k);
  const ids = new Int32Array(numTokens * k);
  const columns = Int32Array.from({ length: numExperts }, (_, e) => e);
  for (let t = 0; t < numTokens; t++) {
    const row = all.subarray(t * numExperts, (t + 1) * numExperts);
    const best = columns.slice().sort((a, b) => (row[a]! === row[b]! ? a - b : row[a]! > row[b]! ? -1 : 1)).subarray(0, k);
    ids.set(best, t * k);
    best.forEach((id, place) => (values[t * k + place] = row[id]!));
  }
  return [tf.tensor2d(values, [numTokens, k]), tf.tensor2d(ids, [numTokens, k], "int32")];
}

/** `[T, E]` with `values[t, k]` at column `ids[t, k]`, zeros elsewhere. */
function scatterColumns(values: Tensor2D, ids: Tensor2D, shape: [number, number]): tf.Tensor {
  const [rows, columns] = shape;
  if (rows === 0) return tf.zeros(shape);
  const rowStart_T1 = tf.reshape(tf.range(0, rows * columns, columns, "int32"), [rows, 1]);
  const flat_N1 = tf.reshape(tf.add(ids, rowStart_T1), [-1, 1]);
  return tf.reshape(tf.scatterND(flat_N1, tf.reshape(values, [-1]), [rows * columns]), shape);
}
