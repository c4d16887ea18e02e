import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { checkPacked, type PackedMatrix, unpackRows } from "../../packed/packed-matrix.js";
import { checkTensor } from "../check.js";
import { gatherRowsOp } from "../gather-rows/gather-rows.js";
import { hostInts, readsSynchronously } from "../host.js";
import { chunksOf } from "../packed-matmul/packed-matmul.js";

/** The op behind {@link packedGatherRows}. No gradient. @example packedGatherRowsOp.spec.name; // "MoekitPackedGatherRows" */
export const packedGatherRowsOp = defineOp<{ ids: Tensor1D }, { packed: PackedMatrix }>({
  name: "MoekitPackedGatherRows",
  reference: ({ ids }, { packed }) => (readsSynchronously() ? unpackedByHost(packed, hostInts(ids)) : gatheredByChunks(packed, ids)),
});

/**
 * Rows of a packed matrix by index: `y[n] = packed[ids[n]]` unpacked, and 0 where the id is -1. For embedding tables.
 *
 * @param packed - `[R, D]` in any format.
 * @param ids - `[N]` int32 from -1 to R - 1.
 * @returns `[N, D]`.
 * @throws ShapeError if a rank or dtype is wrong, or there is no such row.
 * @example packedGatherRows(packMatrix(new Float32Array([1, 2]), [2, 1], bf16), tf.tensor1d([1, -1], "int32")).print(); // [[2], [0]]
 */
export function packedGatherRows(packed: PackedMatrix, ids: Tensor1D): Tensor2D {
  checkTensor(ids, { in: "packedGatherRows", name: "ids", shape: [null], axes: "[N]", dtype: "int32" });
  checkPacked("packedGatherRows", packed);
  return packedGatherRowsOp.run({ ids }, { packed })[0] as Tensor2D;
}

function unpackedByHost(packed: PackedMatrix, ids: Int32Array): Tensor2D {
  const width = packed.shape[1];
  const rows = new Float32Array(ids.length * width);
  ids.forEach((id, n) => id === -1 || rows.set(unpackRows(packed, id, 1), n * width));
  return tf.tensor2d(rows, [ids.length, width]);
}

/** Where ids cannot be read: each piece of the matrix gives the rows that lie in it. */
function gatheredByChunks(packed: PackedMatrix, ids: Tensor1D): Tensor2D {
  const width = packed.shape[1];
  const rowsOf = (first: number, rows: number) => {
    const within = tf.logicalAnd(tf.greaterEqual(ids, first), tf.less(ids, first + rows));
    const local = tf.where(within, tf.sub(ids, tf.scalar(first, "int32")), tf.fill(ids.shape, -1, "int32")) as Tensor1D;
    return gatherRowsOp.run({ x: tf.tensor2d(unpackRows(packed, first, rows), [rows, width]), ids: local }, {})[0] as Tensor2D;
  };
  return chunksOf(packed).reduce((sum, { first, rows }) => tf.tidy(() => tf.add(sum, rowsOf(first, rows))), tf.zeros([ids.size, width]) as Tensor2D);
}
