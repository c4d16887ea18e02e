import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D, Tensor3D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { UnknownNameError } from "../../errors.js";
import { checkTensor } from "../check.js";
import { groupedMatmulInputOp, groupedMatmulOp, groupedMatmulWeightOp, groupedSumOp } from "../grouped-matmul/grouped-matmul.js";
import { type Activation, activations } from "./activation.js";

/**
 * The matrices of a bank of experts. With `gate` an expert is `down((act(gate x)) * (up x))`, else `down(act(up x))`.
 * @example const weights: ExpertMlpWeights = { up: tf.zeros([8, 128, 64]), down: tf.zeros([8, 64, 128]) };
 */
export type ExpertMlpWeights = {
  /** `[E, F, D]` */
  gate?: Tensor3D;
  /** `[E, F, D]` */
  up: Tensor3D;
  /** `[E, D, F]` */
  down: Tensor3D;
  /** `[E, F]` */
  gateBias?: Tensor2D;
  /** `[E, F]` */
  upBias?: Tensor2D;
  /** `[E, D]` */
  downBias?: Tensor2D;
};

/**
 * Settings of {@link expertMlp}.
 * @example const options: ExpertMlpOptions = { activation: "silu" };
 */
export type ExpertMlpOptions = { activation: Activation };

/**
 * What the expert op takes: the weights, rows and where each expert's rows end.
 * @example const inputs: ExpertMlpInputs = { x, offsets, gate, up, down };
 */
export type ExpertMlpInputs = ExpertMlpWeights & { x: Tensor2D; offsets: Tensor1D };

/** ExpertMlpInputs with a gradient, in the order of the outputs of {@link expertMlpGradOp}. */
const DIFFERENTIABLE = ["x", "gate", "up", "down", "gateBias", "upBias", "downBias"] as const;

/** The op behind {@link expertMlp}. @example expertMlpOp.spec.name; // "MoekitExpertMlp" */
export const expertMlpOp = defineOp<ExpertMlpInputs, ExpertMlpOptions>({
  name: "MoekitExpertMlp",
  reference: (inputs, { activation }) => {
    const { hidden } = hiddenOf(inputs, activation);
    return grouped(hidden, inputs.down, inputs.offsets, inputs.downBias);
  },
  gradient: ([dy], { inputs }, { activation }) => {
    // One call for all gradients, because they share the recomputed hidden rows.
    const grads = expertMlpGradOp.run({ ...inputs, dy: dy as Tensor2D }, { activation });
    return Object.fromEntries(presentIn(inputs).map((name, i) => [name, () => grads[i]!]));
  },
});

/**
 * All gradients of {@link expertMlp} at once, in the order x, gate, up, down, gateBias, upBias, downBias, without those of
 * inputs that are absent. Hidden rows are recomputed instead of kept from the forward pass.
 * @example expertMlpGradOp.spec.name; // "MoekitExpertMlpGrad"
 */
export const expertMlpGradOp = defineOp<ExpertMlpInputs & { dy: Tensor2D }, ExpertMlpOptions>({
  name: "MoekitExpertMlpGrad",
  reference: (inputs, { activation }) => {
    const { x, gate, up, down, offsets, dy } = inputs;
    const { value, derivative } = activations[activation];
    const { gateRows, upRows, hidden } = hiddenOf(inputs, activation);
    const dHidden = inputGrad(dy, down, offsets);
    const dGate = gateRows && (tf.mul(tf.mul(dHidden, upRows), derivative(gateRows)) as Tensor2D);
    const dUp = tf.mul(dHidden, gateRows ? value(gateRows) : derivative(upRows)) as Tensor2D;
    const dx = inputGrad(dUp, up, offsets);
    const grads: Record<(typeof DIFFERENTIABLE)[number], (() => tf.Tensor) | undefined> = {
      x: () => (dGate ? tf.add(dx, inputGrad(dGate, gate!, offsets)) : dx),
      gate: dGate && (() => weightGrad(dGate, x, offsets)),
      up: () => weightGrad(dUp, x, offsets),
      down: () => weightGrad(dy, hidden, offsets),
      gateBias: dGate && (() => biasGrad(dGate, offsets)),
      upBias: () => biasGrad(dUp, offsets),
      downBias: () => biasGrad(dy, offsets),
    };
    return presentIn(inputs).map((name) => grads[name]!());
  },
});

/**
 * Runs each expert's feed-forward network on its rows: `y = down((act(gate x)) * (up x))`, without `gate`
 * `y = down(act(up x))`, with the biases that are given. SwiGLU is `gate` with activation `silu`.
 *
 * @param x - `[N, D]` float32, rows sorted by expert.
 * @param offsets - `[E + 1]` int32: rows `offsets[e]` to `offsets[e + 1]` belong to expert e.
 * @returns `[N, D]`; rows past `offsets[E]` are 0.
 * @throws ShapeError if the shapes do not fit together; UnknownNameError for an unknown activation.
 * @example expertMlp(rows, { gate, up, down }, plan.offsets, { activation: "silu" });
 */
export function expertMlp(x: Tensor2D, weights: ExpertMlpWeights, offsets: Tensor1D, { activation }: ExpertMlpOptions): Tensor2D {
  if (!(activation in activations)) throw new UnknownNameError({ in: "expertMlp", name: activation, known: Object.keys(activations) });
  checkShapes(x, weights, offsets);
  return expertMlpOp.run({ x, ...weights, offsets }, { activation })[0] as Tensor2D;
}

function hiddenOf(inputs: ExpertMlpInputs, activation: Activation) {
  const { x, gate, up, offsets, gateBias, upBias } = inputs;
  const { value } = activations[activation];
  const upRows = grouped(x, up, offsets, upBias);
  const gateRows = gate && grouped(x, gate, offsets, gateBias);
  const hidden = (gateRows ? tf.mul(value(gateRows), upRows) : value(upRows)) as Tensor2D;
  return { gateRows, upRows, hidden };
}

const presentIn = (inputs: ExpertMlpInputs) => DIFFERENTIABLE.filter((name) => inputs[name] !== undefined);
const grouped = (x: Tensor2D, w: Tensor3D, offsets: Tensor1D, bias?: Tensor2D) => groupedMatmulOp.run({ x, w, offsets, bias }, {})[0] as Tensor2D;
const inputGrad = (dy: Tensor2D, w: Tensor3D, offsets: Tensor1D) => groupedMatmulInputOp.run({ dy, w, offsets }, {})[0] as Tensor2D;
const weightGrad = (dy: Tensor2D, x: Tensor2D, offsets: Tensor1D) => groupedMatmulWeightOp.run({ dy, x, offsets }, {})[0]!;
const biasGrad = (x: Tensor2D, offsets: Tensor1D) => groupedSumOp.run({ x, offsets }, {})[0]!;

function checkShapes(x: Tensor2D, weights: ExpertMlpWeights, offsets: Tensor1D): void {
  const where = { in: "expertMlp" };
  checkTensor(weights.up, { ...where, name: "up", shape: [null, null, null], axes: "[E, F, D]" });
  const [E, F, D] = weights.up.shape;
  checkTensor(x, { ...where, name: "x", shape: [null, D], axes: "[N, D]" });
  checkTensor(offsets, { ...where, name: "offsets", shape: [E + 1], axes: "[E + 1]", dtype: "int32" });
  checkTensor(weights.down, { ...where, name: "down", shape: [E, D, F], axes: "[E, D, F]", hint: "Weights are [out, in]." });
  const { gate, gateBias, upBias, downBias } = weights;
  if (gate) checkTensor(gate, { ...where, name: "gate", shape: [E, F, D], axes: "[E, F, D]" });
  if (gateBias) checkTensor(gateBias, { ...where, name: "gateBias", shape: [E, F], axes: "[E, F]" });
  if (upBias) checkTensor(upBias, { ...where, name: "upBias", shape: [E, F], axes: "[E, F]" });
  if (downBias) checkTensor(downBias, { ...where, name: "downBias", shape: [E, D], axes: "[E, D]" });
}
