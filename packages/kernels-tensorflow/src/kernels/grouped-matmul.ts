import * as tf from "@tensorflow/tfjs";
import type { Tensor } from "@tensorflow/tfjs";
import { hostInts } from "@moekit/core";
import type { TensorflowKernels } from "../kernel.js";
import type { TensorflowOps } from "../tensorflow-ops.js";

/** Products of each expert's rows with its own matrix, one product per expert that has rows. N rows, E experts, O and I widths. */
export const groupedMatmulKernels: TensorflowKernels = {
  MoekitGroupedMatmul: (ops, { x, w, offsets, bias }) => {
    const biases = bias && ops.unpack(bias);
    return [
      mapExperts(ops, x!, w!, offsets!, w!.shape[1]!, (x_nI, w_OI, e) => {
        const y_nO = ops.matmul(x_nI, w_OI, false, true);
        return biases ? tf.add(y_nO, biases[e]!) : y_nO;
      }),
    ];
  },

  MoekitGroupedMatmulInput: (ops, { dy, w, offsets }) => [mapExperts(ops, dy!, w!, offsets!, w!.shape[2]!, (dy_nO, w_OI) => ops.matmul(dy_nO, w_OI))],

  MoekitGroupedMatmulWeight: (ops, { dy, x, offsets }) => {
    const [dys, xs] = [dy!, x!].map((rows) => ops.split(rows, sizesOf(offsets!, rows.shape[0]!)).slice(0, -1));
    return [ops.pack(dys!.map((dy_nO, e) => ops.matmul(dy_nO, xs![e]!, true)))];
  },

  MoekitGroupedSum: (ops, { x, offsets }) => {
    const numExperts = offsets!.size - 1;
    const expertOfRow = new Int32Array(x!.shape[0]!).fill(-1);
    hostInts(offsets!).forEach((start, e, all) => e < numExperts && expertOfRow.fill(e, start, all[e + 1]));
    return [ops.unsortedSegmentSum(x!, tf.tensor1d(expertOfRow, "int32"), numExperts)];
  },
};

/** `[N, width]`: what `product` makes of each expert's rows and matrix; rows of no expert are 0. */
function mapExperts(ops: TensorflowOps, rows: Tensor, bank: Tensor, offsets: Tensor, width: number, product: (rows: Tensor, matrix: Tensor, expert: number) => Tensor): Tensor {
  const sizes = sizesOf(offsets, rows.shape[0]!);
  const matrices = ops.unpack(bank);
  const parts = ops.split(rows, sizes).slice(0, -1).flatMap((part, e) => (sizes[e] === 0 ? [] : [product(part, matrices[e]!, e)]));
  const spare = sizes[sizes.length - 1]!;
  return ops.concat(spare > 0 || parts.length === 0 ? [...parts, tf.zeros([spare, width])] : parts);
}

/** Number of rows of each expert, and last of those of no expert. */
function sizesOf(offsets: Tensor, numRows: number): number[] {
  const starts = hostInts(offsets);
  return Array.from(starts, (start, e) => (starts[e + 1] ?? numRows) - start);
}
