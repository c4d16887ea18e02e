import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { checkTensor } from "../check.js";
import { hostInts, readsSynchronously } from "../host.js";

/**
 * Rows in expert order: what {@link sortByExpert} returns.
 * @example const { order, inverse, offsets }: ExpertOrder = sortByExpert(expertIds, 8);
 */
export interface ExpertOrder {
  /** `[N]` int32: flat slot of each sorted row. */
  readonly order: Tensor1D;
  /** `[N]` int32: sorted row of each flat slot. */
  readonly inverse: Tensor1D;
  /** `[E + 1]` int32: rows `offsets[e]` to `offsets[e + 1]` belong to expert e. */
  readonly offsets: Tensor1D;
}

/** The op behind {@link sortByExpert}. @example sortByExpertOp.spec.name; // "MoekitSortByExpert" */
export const sortByExpertOp = defineOp<{ expertIds: Tensor2D }, { numExperts: number }>({
  name: "MoekitSortByExpert",
  reference: ({ expertIds }, { numExperts }) => {
    if (expertIds.size === 0) return countingSort(new Int32Array(0), numExperts);
    return readsSynchronously() ? countingSort(hostInts(expertIds), numExperts) : rankSort(expertIds, numExperts);
  },
  gradient: () => ({}),
});

/**
 * Sorts the `N = T·K` flat slots by expert. Stable; empty slots come last.
 *
 * `offsets[e]` = number of slots with an expert below e; `inverse[n]` = `offsets[e]` + number of earlier slots of the
 * same expert; `order[inverse[n]] = n`. No gradient.
 *
 * @param expertIds - `[T, K]` int32 from -1 (empty) to E - 1.
 * @throws ShapeError if `expertIds` is not an int32 matrix.
 * @example sortByExpert(tf.tensor2d([[1], [0]], [2, 1], "int32"), 2).order.print(); // [1, 0]
 */
export function sortByExpert(expertIds: Tensor2D, numExperts: number): ExpertOrder {
  checkTensor(expertIds, { in: "sortByExpert", name: "expertIds", shape: [null, null], axes: "[T, K]", dtype: "int32" });
  const [order, inverse, offsets] = sortByExpertOp.run({ expertIds }, { numExperts }) as [Tensor1D, Tensor1D, Tensor1D];
  return { order, inverse, offsets };
}

function countingSort(ids: Int32Array, numExperts: number): Tensor1D[] {
  // One bucket more than experts: the last one takes the empty slots.
  const bucket = (id: number) => (id < 0 ? numExperts : id);
  const offsets = new Int32Array(numExperts + 2);
  for (const id of ids) offsets[bucket(id) + 1]!++;
  for (let e = 0; e <= numExperts; e++) offsets[e + 1]! += offsets[e]!;
  const next = offsets.slice();
  const order = new Int32Array(ids.length);
  const inverse = ids.map((id, slot) => {
    const row = next[bucket(id)]!++;
    order[row] = slot;
    return row;
  });
  return [order, inverse, offsets.slice(0, numExperts + 1)].map((values) => tf.tensor1d(values, "int32"));
}

/** The same without reading: positions are float32 sums of ones, exact up to 2^24 slots. */
function rankSort(expertIds: Tensor2D, numExperts: number): tf.Tensor[] {
  const flat_N = tf.reshape(expertIds, [-1]);
  const bucket_N = tf.where(tf.less(flat_N, 0), tf.fill(flat_N.shape, numExperts, "int32"), flat_N);
  const isBucket_NB = tf.cast(tf.oneHot(bucket_N, numExperts + 1), "float32");
  const offsets_B = tf.cumsum(tf.sum(isBucket_NB, 0), 0, true);
  const rank_NB = tf.add(tf.cumsum(isBucket_NB, 0, true), offsets_B);
  const inverse_N = tf.cast(tf.sum(tf.mul(isBucket_NB, rank_NB), 1), "int32");
  const slots_N = tf.range(0, expertIds.size, 1, "int32");
  const order_N = tf.scatterND(tf.expandDims(inverse_N, 1), slots_N, [expertIds.size]);
  return [order_N, inverse_N, tf.cast(offsets_B, "int32")];
}
