import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D, Tensor3D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import type { DispatchPlan } from "../../types.js";
import { checkTensor } from "../check.js";

/** The op behind {@link dispatch}. @example dispatchOp.spec.name; // "MoekitDispatch" */
export const dispatchOp = defineOp<{ x: Tensor2D; order: Tensor1D; inverse: Tensor1D }, { slotsPerToken: number }>({
  name: "MoekitDispatch",
  reference: ({ x, order }, { slotsPerToken }) => gather(x, tokenOfRow(order, slotsPerToken)),
  gradient: ([dy], { inputs: { inverse } }, { slotsPerToken }) => ({
    x: () => dispatchGradOp.run({ dy: dy as Tensor2D, inverse }, { slotsPerToken })[0]!,
  }),
});

/**
 * Backward form of {@link dispatch}: `dx[t] = sum over k of dy[inverse[t·K + k]]`; `[N, D]` to `[T, D]`. No gradient.
 * @example dispatchGradOp.spec.name; // "MoekitDispatchGrad"
 */
export const dispatchGradOp = defineOp<{ dy: Tensor2D; inverse: Tensor1D }, { slotsPerToken: number }>({
  name: "MoekitDispatchGrad",
  reference: ({ dy, inverse }, { slotsPerToken }) => sumOver(slotRows(dy, inverse, slotsPerToken), 1),
});

/**
 * Copies each token's row to its experts: `y[n] = x[floor(order[n] / K)]`.
 *
 * @param x - Tokens, `[T, D]` float32.
 * @returns `[N, D]` rows sorted by expert, N = T·K. Empty slots get a copy too; no expert reads it.
 * @throws ShapeError if `x` is not a float32 matrix of the plan's tokens.
 * @example const rows = dispatch(x, dispatcher.plan(routing));
 */
export function dispatch(x: Tensor2D, plan: DispatchPlan): Tensor2D {
  const { order, inverse, slotsPerToken } = plan;
  const numTokens = order.size / slotsPerToken;
  checkTensor(x, { in: "dispatch", name: "x", shape: [numTokens, null], axes: "[T, D]", hint: "Pass the tokens of the routing that made the plan." });
  return dispatchOp.run({ x, order, inverse }, { slotsPerToken })[0] as Tensor2D;
}

/** `[N]`: the token that each sorted row was copied from. */
export function tokenOfRow(order: Tensor1D, slotsPerToken: number): Tensor1D {
  return slotsPerToken === 1 || order.size === 0 ? order : tf.floorDiv(order, tf.scalar(slotsPerToken, "int32"));
}

/** `[T, K, D]`: sorted rows back in the order of the slots. */
export function slotRows(rows: Tensor2D, inverse: Tensor1D, slotsPerToken: number): Tensor3D {
  return tf.reshape(gather(rows, inverse), [inverse.size / slotsPerToken, slotsPerToken, rows.shape[1]]);
}

/** tf.sum, which wasm cannot do over an axis of an empty tensor. */
export function sumOver(x: Tensor3D, axis: number): Tensor2D {
  const shape = x.shape.filter((_, i) => i !== axis) as [number, number];
  return x.size === 0 ? tf.zeros(shape) : tf.sum(x, axis);
}

/** Rows by index with sizes of zero allowed, which tf.gather is not sure about. */
export function gather(x: Tensor2D, ids: Tensor1D): Tensor2D {
  return ids.size === 0 ? tf.zeros([0, x.shape[1]]) : tf.gather(x, ids);
}
