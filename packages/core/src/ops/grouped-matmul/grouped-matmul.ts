import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D, Tensor3D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { checkTensor } from "../check.js";
import { matmul2d } from "../matmul.js";
import { matrixOf, range, segmentsOf } from "../segments.js";

/** The op behind {@link groupedMatmul}. @example groupedMatmulOp.spec.name; // "MoekitGroupedMatmul" */
export const groupedMatmulOp = defineOp<{ x: Tensor2D; w: Tensor3D; offsets: Tensor1D; bias?: Tensor2D }>({
  name: "MoekitGroupedMatmul",
  reference: ({ x, w, offsets, bias }) => {
    const segments = segmentsOf(offsets, x.shape[0]);
    return segments.join(w.shape[1], (e) => {
      const y = matmul2d(segments.take(x, e), matrixOf(w, e), false, true);
      return bias ? tf.add(y, tf.slice(bias, [e, 0], [1, w.shape[1]])) : y;
    });
  },
  gradient: ([dy], { inputs: { x, w, offsets } }) => ({
    x: () => groupedMatmulInputOp.run({ dy: dy as Tensor2D, w, offsets }, {})[0]!,
    w: () => groupedMatmulWeightOp.run({ dy: dy as Tensor2D, x, offsets }, {})[0]!,
    bias: () => groupedSumOp.run({ x: dy as Tensor2D, offsets }, {})[0]!,
  }),
});

/**
 * Backward form to the input: `dx[n] = dy[n] W_e` for row n of expert e; `[N, O]`, `[E, O, I]` to `[N, I]`. No gradient.
 * @example groupedMatmulInputOp.spec.name; // "MoekitGroupedMatmulInput"
 */
export const groupedMatmulInputOp = defineOp<{ dy: Tensor2D; w: Tensor3D; offsets: Tensor1D }>({
  name: "MoekitGroupedMatmulInput",
  reference: ({ dy, w, offsets }) => {
    const segments = segmentsOf(offsets, dy.shape[0]);
    return segments.join(w.shape[2], (e) => matmul2d(segments.take(dy, e), matrixOf(w, e)));
  },
});

/**
 * Backward form to the weights: `dW_e = dy_e^T x_e` over the rows of expert e; `[N, O]`, `[N, I]` to `[E, O, I]`. No gradient.
 * @example groupedMatmulWeightOp.spec.name; // "MoekitGroupedMatmulWeight"
 */
export const groupedMatmulWeightOp = defineOp<{ dy: Tensor2D; x: Tensor2D; offsets: Tensor1D }>({
  name: "MoekitGroupedMatmulWeight",
  reference: ({ dy, x, offsets }) => {
    const segments = segmentsOf(offsets, x.shape[0]);
    return tf.stack(range(segments.numExperts).map((e) => matmul2d(segments.take(dy, e), segments.take(x, e), true)));
  },
});

/**
 * Sums rows by expert: `y[e] = sum of x[n] over the rows of expert e`; `[N, O]` to `[E, O]`. No gradient; it is the
 * backward form to a bias.
 * @example groupedSumOp.spec.name; // "MoekitGroupedSum"
 */
export const groupedSumOp = defineOp<{ x: Tensor2D; offsets: Tensor1D }>({
  name: "MoekitGroupedSum",
  reference: ({ x, offsets }) => {
    const segments = segmentsOf(offsets, x.shape[0]);
    const sumOf = (rows: Tensor2D) => (rows.size === 0 ? tf.zeros([x.shape[1]]) : tf.sum(rows, 0));
    return tf.stack(range(segments.numExperts).map((e) => sumOf(segments.take(x, e))));
  },
});

/**
 * Multiplies each expert's rows by its own matrix: `y[n] = W_e x[n] + b_e` for row n of expert e.
 *
 * @param x - `[N, I]` float32, rows sorted by expert.
 * @param w - `[E, O, I]` float32.
 * @param offsets - `[E + 1]` int32: rows `offsets[e]` to `offsets[e + 1]` belong to expert e.
 * @param bias - `[E, O]` float32.
 * @returns `[N, O]`; rows past `offsets[E]` are 0.
 * @throws ShapeError if the shapes do not fit together.
 * @example groupedMatmul(rows, weight, plan.offsets);
 */
export function groupedMatmul(x: Tensor2D, w: Tensor3D, offsets: Tensor1D, bias?: Tensor2D): Tensor2D {
  checkTensor(w, { in: "groupedMatmul", name: "w", shape: [null, null, null], axes: "[E, O, I]" });
  const [numExperts, outSize, inSize] = w.shape;
  checkTensor(x, { in: "groupedMatmul", name: "x", shape: [null, inSize], axes: "[N, I]" });
  checkTensor(offsets, { in: "groupedMatmul", name: "offsets", shape: [numExperts + 1], axes: "[E + 1]", dtype: "int32" });
  if (bias) checkTensor(bias, { in: "groupedMatmul", name: "bias", shape: [numExperts, outSize], axes: "[E, O]" });
  return groupedMatmulOp.run({ x, w, offsets, bias }, {})[0] as Tensor2D;
}
