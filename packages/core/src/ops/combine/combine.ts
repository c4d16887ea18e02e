import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import type { DispatchPlan } from "../../types.js";
import { checkTensor } from "../check.js";
import { gather, slotRows, sumOver, tokenOfRow } from "../dispatch/dispatch.js";

/** The op behind {@link combine}. @example combineOp.spec.name; // "MoekitCombine" */
export const combineOp = defineOp<{ y: Tensor2D; gates: Tensor2D; order: Tensor1D; inverse: Tensor1D }>({
  name: "MoekitCombine",
  reference: ({ y, gates, inverse }) => sumOver(tf.mul(slotRows(y, inverse, gates.shape[1]), tf.expandDims(gates, 2)), 1),
  gradient: ([dy], { inputs }) => {
    const [dRows, dGates] = combineGradOp.run({ ...inputs, dy: dy as Tensor2D }, {});
    return { y: () => dRows!, gates: () => dGates! };
  },
});

/**
 * Both gradients of {@link combine} at once, that of row n = gates[order[n]] * dy of its token, `[N, D]`, and that of gate
 * (t, k) = the product of row inverse[t·K + k] with dy[t], `[T, K]`. No gradient.
 * @example combineGradOp.spec.name; // "MoekitCombineGrad"
 */
export const combineGradOp = defineOp<{ y: Tensor2D; gates: Tensor2D; order: Tensor1D; inverse: Tensor1D } & { dy: Tensor2D }>({
  name: "MoekitCombineGrad",
  reference: ({ y, gates, order, inverse, dy }) => [
    tf.mul(gather(dy, tokenOfRow(order, gates.shape[1])), gather(tf.reshape(gates, [-1, 1]), order)),
    sumOver(tf.mul(slotRows(y, inverse, gates.shape[1]), tf.expandDims(dy, 1)), 2),
  ],
});

/**
 * Brings the experts' rows back and adds them up: `y[t] = sum over k of gates[t, k] * rows[inverse[t·K + k]]`.
 *
 * Gates are multiplied as they are; nothing is renormalised.
 *
 * @param rows - `[N, D]` float32, sorted by expert as in the plan.
 * @returns `[T, D]`.
 * @throws ShapeError if `rows` or the plan's gates do not fit the plan.
 * @example const y = combine(experts.forward(dispatch(x, plan), plan), plan);
 */
export function combine(rows: Tensor2D, plan: DispatchPlan): Tensor2D {
  const { order, inverse, gates, slotsPerToken } = plan;
  const numTokens = order.size / slotsPerToken;
  checkTensor(rows, { in: "combine", name: "rows", shape: [order.size, null], axes: "[N, D]" });
  checkTensor(gates, { in: "combine", name: "gates", shape: [numTokens, slotsPerToken], axes: "[T, K]", hint: "Pass the gates of the routing that made the plan." });
  return combineOp.run({ y: rows, gates, order, inverse }, {})[0] as Tensor2D;
}
