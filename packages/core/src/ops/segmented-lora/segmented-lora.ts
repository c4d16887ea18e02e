import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D, Tensor3D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { checkTensor } from "../check.js";
import { groupedMatmulInputOp, groupedMatmulOp, groupedMatmulWeightOp } from "../grouped-matmul/grouped-matmul.js";

/** The op behind {@link segmentedLora}. @example segmentedLoraOp.spec.name; // "MoekitSegmentedLora" */
export const segmentedLoraOp = defineOp<{ x: Tensor2D; a: Tensor3D; b: Tensor3D; offsets: Tensor1D }, { scale: number }>({
  name: "MoekitSegmentedLora",
  reference: ({ x, a, b, offsets }, { scale }) => tf.mul(grouped(lowRank(x, a, offsets, 1), b, offsets), scale),
  gradient: ([dy], { inputs: { x, a, b, offsets } }, { scale }) => {
    // The rank is small, so each gradient recomputes its low-rank rows instead of keeping them.
    const dLow = () => tf.mul(inputGrad(dy as Tensor2D, b, offsets), scale) as Tensor2D;
    return {
      x: () => inputGrad(dLow(), a, offsets),
      a: () => weightGrad(dLow(), x, offsets),
      b: () => weightGrad(dy as Tensor2D, lowRank(x, a, offsets, scale), offsets),
    };
  },
});

/**
 * The low-rank update of each row by its expert's adapter, without the base: `y[n] = scale * B_e A_e x[n]`.
 *
 * @param x - `[N, I]` float32, rows sorted by expert.
 * @param a - `[E, R, I]` float32.
 * @param b - `[E, O, R]` float32.
 * @param offsets - `[E + 1]` int32.
 * @param scale - Usually alpha / R.
 * @returns `[N, O]`; rows past `offsets[E]` are 0.
 * @throws ShapeError if the shapes do not fit together.
 * @source Hu et al. 2021, arXiv:2106.09685, eq. 3, with one adapter per segment of rows.
 * @example segmentedLora(rows, a, b, plan.offsets, 16 / 8);
 */
export function segmentedLora(x: Tensor2D, a: Tensor3D, b: Tensor3D, offsets: Tensor1D, scale: number): Tensor2D {
  checkTensor(a, { in: "segmentedLora", name: "a", shape: [null, null, null], axes: "[E, R, I]" });
  const [numExperts, rank, inSize] = a.shape;
  checkTensor(b, { in: "segmentedLora", name: "b", shape: [numExperts, null, rank], axes: "[E, O, R]" });
  checkTensor(x, { in: "segmentedLora", name: "x", shape: [null, inSize], axes: "[N, I]" });
  checkTensor(offsets, { in: "segmentedLora", name: "offsets", shape: [numExperts + 1], axes: "[E + 1]", dtype: "int32" });
  return segmentedLoraOp.run({ x, a, b, offsets }, { scale })[0] as Tensor2D;
}

const grouped = (x: Tensor2D, w: Tensor3D, offsets: Tensor1D) => groupedMatmulOp.run({ x, w, offsets }, {})[0] as Tensor2D;
const inputGrad = (dy: Tensor2D, w: Tensor3D, offsets: Tensor1D) => groupedMatmulInputOp.run({ dy, w, offsets }, {})[0] as Tensor2D;
const weightGrad = (dy: Tensor2D, x: Tensor2D, offsets: Tensor1D) => groupedMatmulWeightOp.run({ dy, x, offsets }, {})[0]!;
const lowRank = (x: Tensor2D, a: Tensor3D, offsets: Tensor1D, scale: number) => tf.mul(grouped(x, a, offsets), scale) as Tensor2D;
