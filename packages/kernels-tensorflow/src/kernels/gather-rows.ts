import * as tf from "@tensorflow/tfjs";
import { hostInts } from "@moekit/core";
import type { TensorflowKernels } from "../kernel.js";

/** Rows by index, where -1 stands for no row. */
export const gatherRowsKernels: TensorflowKernels = {
  /** Reading the ids is cheaper than a mask for rows that are hardly ever missing. */
  MoekitGatherRows: (ops, { x, ids }) => {
    if (x!.size === 0) return [tf.zeros([ids!.size, x!.shape[1]!])];
    const values = hostInts(ids!);
    if (!values.includes(-1)) return [ops.gather(x!, ids!)];
    const isRow_N1 = tf.tensor2d(Float32Array.from(values, (id) => (id < 0 ? 0 : 1)), [values.length, 1]);
    return [tf.mul(ops.gather(x!, tf.tensor1d(values.map((id) => Math.max(id, 0)), "int32")), isRow_N1)];
  },

  MoekitScatterRows: (ops, { y, ids }, { numRows }) => [ops.unsortedSegmentSum(y!, ids!, numRows as number)],
};
