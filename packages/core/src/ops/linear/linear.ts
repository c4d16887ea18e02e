import * as tf from "@tensorflow/tfjs";
import type { Tensor, Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { ShapeError } from "../../errors.js";
import { checkTensor } from "../check.js";
import { matmul2d } from "../matmul.js";
import { asRows, sumRows } from "../rows.js";

/** The op behind {@link linear}. @example linearOp.spec.name; // "MoekitLinear" */
export const linearOp = defineOp<{ x: Tensor; w: Tensor2D; bias?: Tensor1D }>({
  name: "MoekitLinear",
  reference: ({ x, w, bias }) => {
    const y = matmul2d(asRows(x), w, false, true);
    return tf.reshape(bias ? tf.add(y, bias) : y, [...x.shape.slice(0, -1), w.shape[0]]);
  },
  gradient: ([dy], { inputs: { x, w } }) => {
    const dy_NO = asRows(dy!);
    return {
      x: () => tf.reshape(matmul2d(dy_NO, w), x.shape),
      w: () => matmul2d(dy_NO, asRows(x), true),
      bias: () => sumRows(dy_NO),
    };
  },
});

/**
 * A linear map of the last axis: `y = x W^T + b`.
 *
 * @param x - `[..., I]` float32, at least one leading axis.
 * @param w - `[O, I]` float32.
 * @param bias - `[O]` float32.
 * @returns `[..., O]`.
 * @throws ShapeError if the shapes do not fit together.
 * @example linear(tf.ones([2, 3]), tf.ones([4, 3])).shape; // [2, 4]
 */
export function linear(x: Tensor2D, w: Tensor2D, bias?: Tensor1D): Tensor2D;
export function linear(x: Tensor, w: Tensor2D, bias?: Tensor1D): Tensor;
export function linear(x: Tensor, w: Tensor2D, bias?: Tensor1D): Tensor {
  checkTensor(w, { in: "linear", name: "w", shape: [null, null], axes: "[O, I]" });
  const [outSize, inSize] = w.shape;
  const fits = x.dtype === "float32" && x.rank >= 2 && x.shape[x.rank - 1] === inSize;
  if (!fits) throw new ShapeError(`linear: x must be float32 [..., I] = [..., ${inSize}]; got ${x.dtype} [${x.shape.join(", ")}]. Weights are [out, in].`);
  if (bias) checkTensor(bias, { in: "linear", name: "bias", shape: [outSize], axes: "[O]" });
  return linearOp.run({ x, w, bias }, {})[0]!;
}
