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

/**
 * Attributes of {@link expertMlpOp}. With `keep` there is a second output, the rows before the activation: `before [N, P]`,
 * those of the gate first, P = 2 F, or F without a gate.
 * @example const attrs: ExpertMlpAttrs = { activation: "silu", keep: true };
 */
export type ExpertMlpAttrs = ExpertMlpOptions & { keep?: boolean };

/** The op behind {@link expertMlp}. @example expertMlpOp.spec.name; // "MoekitExpertMlp" */
export const expertMlpOp = defineOp<ExpertMlpInputs, ExpertMlpAttrs>({
  name: "MoekitExpertMlp",
  reference: (inputs, { activation, keep }) => {
    const before = rowsBefore(inputs);
    const y = grouped(hiddenOf(before, activation), inputs.down, inputs.offsets, inputs.downBias);
    return keep ? [y, joined(before)] : y;
  },
  gradient: ([dy], { inputs }, { activation }) => {
    // One call for all gradients, because they share the hidden rows.
    const grads = expertMlpGradOp.run({ ...inputs, dy: dy as Tensor2D }, { activation });
    return Object.fromEntries(presentIn(inputs).map((name, i) => [name, () => grads[i]!]));
  },
});

/**
 * All gradients of {@link expertMlp} at once, in the order x, gate, up, down, gateBias, upBias, downBias, without those of
 * inputs that are absent. `before` is what the forward pass kept; without it these rows are computed again.
 * @example expertMlpGradOp.spec.name; // "MoekitExpertMlpGrad"
 */
export const expertMlpGradOp = defineOp<ExpertMlpInputs & { dy: Tensor2D; before?: Tensor2D }, ExpertMlpOptions>({
  name: "MoekitExpertMlpGrad",
  reference: (inputs, { activation }) => {
    const { x, gate, up, down, offsets, dy } = inputs;
    const { value, derivative } = activations[activation];
    const before = inputs.before ? partsOf(inputs.before, inputs) : rowsBefore(inputs);
    const { gateRows, upRows } = before;
    const dHidden = inputGrad(dy, down, offsets);
    const dGate = gateRows && (tf.mul(tf.mul(dHidden, upRows), derivative(gateRows)) as Tensor2D);
    const dUp = tf.mul(dHidden, gateRows ? value(gateRows) : derivative(upRows)) as Tensor2D;
    const dx = inputGrad(dUp, up, offsets);
    const grads: Record<(typeof DIFFERENTIABLE)[number], (() => tf.Tensor) | undefined> = {
      x: () => (dGate ? tf.add(dx, inputGrad(dGate, gate!, offsets)) : dx),
      gate: dGate && (() => weightGrad(dGate, x, offsets)),
      up: () => weightGrad(dUp, x, offsets),
      down: () => weightGrad(dy, hiddenOf(before, activation), offsets),
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
 * Under a gradient the rows before the activation are kept for the backward pass if they take no more memory than the
 * matrices do; else it computes them again.
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
  const inputs = { x, ...weights, offsets };
  return tf.engine().isTapeOn() && keepsRows(inputs) ? keepingRows(inputs, activation) : (expertMlpOp.run(inputs, { activation })[0] as Tensor2D);
}

/** `N P <= ` the numbers of the matrices: 3 E F D with a gate, 2 E F D without. */
function keepsRows({ x, gate, up, down }: ExpertMlpInputs): boolean {
  const P = (gate ? 2 : 1) * up.shape[1];
  return x.shape[0] * P <= (gate?.size ?? 0) + up.size + down.size;
}

/**
 * {@link expertMlp} whose backward pass gets the rows before the activation; not as outputs of a step of the tape, which would
 * get zeros as their gradients.
 * @example keepingRows({ x, gate, up, down, offsets }, "silu");
 */
export function keepingRows(inputs: ExpertMlpInputs, activation: Activation): Tensor2D {
  const names = presentIn(inputs);
  const op = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
    const [y, before] = expertMlpOp.run(inputs, { activation, keep: true });
    save([...names.map((name) => inputs[name]!), inputs.offsets, before!]);
    return { value: y!, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => expertMlpGradOp.run(restored(names, saved, dy), { activation }) };
  });
  return op(...names.map((name) => inputs[name]!)) as Tensor2D;
}

/** The inputs of {@link expertMlpGradOp} from what was saved. */
function restored(names: readonly string[], saved: readonly tf.Tensor[], dy: tf.Tensor) {
  const [offsets, before] = saved.slice(names.length);
  return { ...Object.fromEntries(names.map((name, i) => [name, saved[i]])), offsets, before, dy } as ExpertMlpInputs & { dy: Tensor2D; before: Tensor2D };
}

/** Rows before the activation, `[N, F]` each. */
type RowsBefore = { gateRows?: Tensor2D; upRows: Tensor2D };

function rowsBefore({ x, gate, up, offsets, gateBias, upBias }: ExpertMlpInputs): RowsBefore {
  return { gateRows: gate && grouped(x, gate, offsets, gateBias), upRows: grouped(x, up, offsets, upBias) };
}

function joined({ gateRows, upRows }: RowsBefore): Tensor2D {
  const [N, F] = upRows.shape;
  if (!gateRows) return upRows;
  return N === 0 ? tf.zeros([0, 2 * F]) : tf.concat([gateRows, upRows], 1);
}

function partsOf(before_NP: Tensor2D, { x, gate, up }: ExpertMlpInputs): RowsBefore {
  const [N, F] = [x.shape[0], up.shape[1]];
  if (!gate) return { upRows: before_NP };
  const part = (from: number) => tf.slice(before_NP, [0, from], [N, F]);
  return { gateRows: part(0), upRows: part(F) };
}

function hiddenOf({ gateRows, upRows }: RowsBefore, activation: Activation): Tensor2D {
  const { value } = activations[activation];
  return (gateRows ? tf.mul(value(gateRows), upRows) : value(upRows)) as Tensor2D;
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
