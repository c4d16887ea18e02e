import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { type Attrs, defineOp, type Op } from "../../define-op.js";
import { checkTensor } from "../check.js";

/** The op behind {@link gatherRows}. @example gatherRowsOp.spec.name; // "MoekitGatherRows" */
export const gatherRowsOp: Op<{ x: Tensor2D; ids: Tensor1D }, Attrs> = defineOp({
  name: "MoekitGatherRows",
  reference: ({ x, ids }) => {
    if (ids.size === 0 || x.size === 0) return tf.zeros([ids.size, x.shape[1]]);
    return tf.mul(tf.gather(x, realIds(ids)), presence(ids));
  },
  gradient: ([dy], { inputs: { x, ids } }) => ({
    x: () => scatterRowsOp.run({ y: dy as Tensor2D, ids }, { numRows: x.shape[0] })[0]!,
  }),
});

/** The op behind {@link scatterRows}. @example scatterRowsOp.spec.name; // "MoekitScatterRows" */
export const scatterRowsOp: Op<{ y: Tensor2D; ids: Tensor1D }, { numRows: number }> = defineOp({
  name: "MoekitScatterRows",
  reference: ({ y, ids }, { numRows }) => {
    const shape = [numRows, y.shape[1]];
    if (y.size === 0 || numRows === 0) return tf.zeros(shape);
    return tf.scatterND(tf.expandDims(realIds(ids), 1), tf.mul(y, presence(ids)), shape);
  },
  gradient: ([dy], { inputs: { ids } }) => ({ y: () => gatherRowsOp.run({ x: dy as Tensor2D, ids }, {})[0]! }),
});

/**
 * Rows by index: `y[n] = x[ids[n]]`, and 0 where the id is -1. Its gradient is {@link scatterRows}.
 *
 * Use it instead of `tf.gather`, whose gradient does not exist on wasm.
 *
 * @param x - `[R, D]` float32, e.g. an embedding table.
 * @param ids - `[N]` int32 from -1 to R - 1.
 * @returns `[N, D]`.
 * @throws ShapeError if a rank or dtype is wrong.
 * @example gatherRows(tf.tensor2d([[1], [2]]), tf.tensor1d([1, -1], "int32")).print(); // [[2], [0]]
 */
export function gatherRows(x: Tensor2D, ids: Tensor1D): Tensor2D {
  checkTensor(x, { in: "gatherRows", name: "x", shape: [null, null], axes: "[R, D]" });
  checkTensor(ids, { in: "gatherRows", name: "ids", shape: [null], axes: "[N]", dtype: "int32" });
  return gatherRowsOp.run({ x, ids }, {})[0] as Tensor2D;
}

/**
 * Adds rows up by index: `x[r] = sum of y[n] over all n with ids[n] = r`; ids of -1 are left out.
 *
 * @param y - `[N, D]` float32.
 * @param ids - `[N]` int32 from -1 to `numRows` - 1.
 * @returns `[numRows, D]`.
 * @throws ShapeError if a shape or dtype is wrong.
 * @example scatterRows(tf.tensor2d([[1], [2]]), tf.tensor1d([1, 1], "int32"), 2).print(); // [[0], [3]]
 */
export function scatterRows(y: Tensor2D, ids: Tensor1D, numRows: number): Tensor2D {
  checkTensor(y, { in: "scatterRows", name: "y", shape: [null, null], axes: "[N, D]" });
  checkTensor(ids, { in: "scatterRows", name: "ids", shape: [y.shape[0]], axes: "[N]", dtype: "int32" });
  return scatterRowsOp.run({ y, ids }, { numRows })[0] as Tensor2D;
}

/** `[N, 1]`: 1 for a real id, 0 for -1. */
const presence = (ids: Tensor1D): tf.Tensor => tf.cast(tf.expandDims(tf.greaterEqual(ids, 0), 1), "float32");
/** -1 becomes 0, a row that exists; {@link presence} then takes its effect away. */
const realIds = (ids: Tensor1D): Tensor1D => tf.maximum(ids, tf.scalar(0, "int32"));
