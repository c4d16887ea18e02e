import * as tf from "@tensorflow/tfjs";
import type { Tensor } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { checkTensor } from "../check.js";
import { activations } from "../expert-mlp/activation.js";

/** The op behind {@link swiglu}. @example swigluOp.spec.name; // "MoekitSwiglu" */
export const swigluOp = defineOp<{ gate: Tensor; up: Tensor }>({
  name: "MoekitSwiglu",
  reference: ({ gate, up }) => tf.mul(activations.silu.value(gate), up),
  gradient: ([dy], { inputs: { gate, up } }) => {
    const [dGate, dUp] = swigluGradOp.run({ gate, up, dy: dy! }, {});
    return { gate: () => dGate!, up: () => dUp! };
  },
});

/** Both gradients of {@link swiglu}, `dy * up * silu'(gate)` and `dy * silu(gate)`. No gradient. @example swigluGradOp.spec.name; // "MoekitSwigluGrad" */
export const swigluGradOp = defineOp<{ gate: Tensor; up: Tensor; dy: Tensor }>({
  name: "MoekitSwigluGrad",
  reference: ({ gate, up, dy }) => [tf.mul(tf.mul(dy, up), activations.silu.derivative(gate)), tf.mul(dy, activations.silu.value(gate))],
});

/**
 * Gated activation: `silu(gate) * up`, with `silu(x) = x sigmoid(x)`.
 *
 * @param gate - float32 of any shape.
 * @param up - The same shape.
 * @returns The same shape.
 * @throws ShapeError if the shapes differ.
 * @source Shazeer 2020, arXiv:2002.05202, eq. 5.
 * @example swiglu(tf.tensor1d([0, 1]), tf.tensor1d([5, 2])).print(); // [0, 1.4621172]
 */
export function swiglu<T extends Tensor>(gate: T, up: T): T {
  checkTensor(gate, { in: "swiglu", name: "gate", shape: gate.shape, axes: "[...]" });
  checkTensor(up, { in: "swiglu", name: "up", shape: gate.shape, axes: "the shape of gate" });
  return swigluOp.run({ gate, up }, {})[0] as T;
}
