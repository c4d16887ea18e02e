import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { ShapeError, UnknownNameError } from "../../errors.js";
import { checkPacked, type PackedMatrix, unpackRows } from "../../packed/packed-matrix.js";
import { checkTensor } from "../check.js";
import { type Activation, activations } from "../expert-mlp/activation.js";
import { groupedSumOp } from "../grouped-matmul/grouped-matmul.js";
import { matmul2d } from "../matmul.js";
import { segmentsOf } from "../segments.js";

/**
 * The packed matrices of a bank of experts, those of one expert after the other. With `gate` an expert is
 * `down((act(gate x)) * (up x))`, else `down(act(up x))`.
 * @example const matrices: PackedExpertMatrices = { up: packMatrix(up, [8 * 128, 64], q8_0), down: packMatrix(down, [8 * 64, 128], q8_0) };
 */
export type PackedExpertMatrices = {
  /** `[E * F, D]` */
  gate?: PackedMatrix;
  /** `[E * F, D]` */
  up: PackedMatrix;
  /** `[E * D, F]` */
  down: PackedMatrix;
};

/**
 * Biases of experts, which stay tensors and have gradients.
 * @example const biases: PackedExpertBiases = { downBias: tf.zeros([8, 64]) };
 */
export type PackedExpertBiases = {
  /** `[E, F]` */
  gateBias?: Tensor2D;
  /** `[E, F]` */
  upBias?: Tensor2D;
  /** `[E, D]` */
  downBias?: Tensor2D;
};

/** What the packed expert op takes as tensors. @example const inputs: PackedExpertInputs = { x, offsets }; */
export type PackedExpertInputs = PackedExpertBiases & { x: Tensor2D; offsets: Tensor1D };

/** What the packed expert op takes beside tensors. @example const attrs: PackedExpertAttrs = { up, down, activation: "relu" }; */
export type PackedExpertAttrs = PackedExpertMatrices & { activation: Activation };

/** PackedExpertInputs with a gradient, in the order of the outputs of {@link packedExpertMlpGradOp}. */
const DIFFERENTIABLE = ["x", "gateBias", "upBias", "downBias"] as const;

/** The op behind {@link packedExpertMlp}. @example packedExpertMlpOp.spec.name; // "MoekitPackedExpertMlp" */
export const packedExpertMlpOp = defineOp<PackedExpertInputs, PackedExpertAttrs>({
  name: "MoekitPackedExpertMlp",
  reference: (inputs, attrs) => {
    const { x, offsets, downBias } = inputs;
    const segments = segmentsOf(offsets, x.shape[0]);
    return segments.join(x.shape[1], (expert) =>
      tf.tidy(() => {
        const { hidden } = hiddenOf(segments.take(x, expert), expert, inputs, attrs);
        return plusBias(matmul2d(hidden, matrixOf(attrs.down, expert, segments.numExperts), false, true), downBias, expert);
      }),
    );
  },
  gradient: ([dy], { inputs }, attrs) => {
    const grads = packedExpertMlpGradOp.run({ ...inputs, dy: dy as Tensor2D }, attrs);
    return Object.fromEntries(presentIn(inputs).map((name, i) => [name, () => grads[i]!]));
  },
});

/**
 * The gradients of {@link packedExpertMlp} at once, in the order x, gateBias, upBias, downBias, without those of inputs that
 * are absent. Hidden rows are recomputed.
 * @example packedExpertMlpGradOp.spec.name; // "MoekitPackedExpertMlpGrad"
 */
export const packedExpertMlpGradOp = defineOp<PackedExpertInputs & { dy: Tensor2D }, PackedExpertAttrs>({
  name: "MoekitPackedExpertMlpGrad",
  reference: (inputs, attrs) => {
    const { x, offsets, dy } = inputs;
    const segments = segmentsOf(offsets, x.shape[0]);
    const banks = attrs.gate ? [attrs.gate, attrs.up] : [attrs.up];
    const F = attrs.up.shape[0] / Math.max(1, segments.numExperts);
    // Gradients of the rows before the activation, those of the gate first.
    const dBefore = segments.join(banks.length * F, (expert) => tf.tidy(() => beforeActivation(segments.take(x, expert), segments.take(dy, expert), expert, inputs, attrs)));
    const dx = segments.join(x.shape[1], (expert) =>
      tf.tidy(() => matmul2d(segments.take(dBefore, expert), tf.concat(banks.map((bank) => matrixOf(bank, expert, segments.numExperts)), 0))),
    );
    const sumOf = (rows: Tensor2D) => groupedSumOp.run({ x: rows, offsets }, {})[0]!;
    const part = (bank: number) => tf.slice(dBefore, [0, bank * F], [-1, F]);
    const grads = { x: () => dx, gateBias: () => sumOf(part(0)), upBias: () => sumOf(part(banks.length - 1)), downBias: () => sumOf(dy) };
    return presentIn(inputs).map((name) => grads[name]());
  },
});

/**
 * Each expert's feed-forward network on its rows with packed weights: as {@link expertMlp}, with constant matrices. The
 * gradient flows to x and to the biases.
 *
 * @param x - `[N, D]` float32, rows sorted by expert.
 * @param weights - Matrices in any formats and biases.
 * @param offsets - `[E + 1]` int32: rows `offsets[e]` to `offsets[e + 1]` belong to expert e.
 * @returns `[N, D]`; rows past `offsets[E]` are 0.
 * @throws ShapeError if the shapes do not fit together; UnknownNameError for an unknown activation.
 * @example packedExpertMlp(rows, { gate, up, down }, plan.offsets, { activation: "silu" });
 */
export function packedExpertMlp(x: Tensor2D, weights: PackedExpertMatrices & PackedExpertBiases, offsets: Tensor1D, { activation }: { activation: Activation }): Tensor2D {
  if (!(activation in activations)) throw new UnknownNameError({ in: "packedExpertMlp", name: activation, known: Object.keys(activations) });
  checkShapes(x, weights, offsets);
  const { gate, up, down, ...biases } = weights;
  return packedExpertMlpOp.run({ x, ...biases, offsets }, { gate, up, down, activation })[0] as Tensor2D;
}

/** The rows of one expert up to its activation, and after it. */
function hiddenOf(x: Tensor2D, expert: number, { offsets, gateBias, upBias }: PackedExpertInputs, { gate, up, activation }: PackedExpertAttrs) {
  const project = (bank: PackedMatrix, bias?: Tensor2D) => plusBias(matmul2d(x, matrixOf(bank, expert, offsets.size - 1), false, true), bias, expert);
  const { value } = activations[activation];
  const [upRows, gateRows] = [project(up, upBias), gate && project(gate, gateBias)];
  const hidden = (gateRows ? tf.mul(value(gateRows), upRows) : value(upRows)) as Tensor2D;
  return { upRows, gateRows, hidden };
}

function beforeActivation(x: Tensor2D, dy: Tensor2D, expert: number, inputs: PackedExpertInputs, attrs: PackedExpertAttrs): Tensor2D {
  const { value, derivative } = activations[attrs.activation];
  const { upRows, gateRows } = hiddenOf(x, expert, inputs, attrs);
  const dHidden = matmul2d(dy, matrixOf(attrs.down, expert, inputs.offsets.size - 1));
  if (!gateRows) return tf.mul(dHidden, derivative(upRows)) as Tensor2D;
  return tf.concat([tf.mul(tf.mul(dHidden, upRows), derivative(gateRows)), tf.mul(dHidden, value(gateRows))], 1) as Tensor2D;
}

/** The matrix of one expert of a bank, unpacked. */
function matrixOf(bank: PackedMatrix, expert: number, numExperts: number): Tensor2D {
  const rows = bank.shape[0] / numExperts;
  return tf.tensor2d(unpackRows(bank, expert * rows, rows), [rows, bank.shape[1]]);
}

const plusBias = (y: Tensor2D, bias: Tensor2D | undefined, expert: number): Tensor2D => (bias ? tf.add(y, tf.slice(bias, [expert, 0], [1, -1])) : y);
const presentIn = (inputs: PackedExpertInputs) => DIFFERENTIABLE.filter((name) => inputs[name] !== undefined);

function checkShapes(x: Tensor2D, { gate, up, down, ...biases }: PackedExpertMatrices & PackedExpertBiases, offsets: Tensor1D): void {
  const where = { in: "packedExpertMlp" };
  checkTensor(offsets, { ...where, name: "offsets", shape: [null], axes: "[E + 1]", dtype: "int32" });
  const E = offsets.size - 1;
  const D = up.shape[1];
  checkTensor(x, { ...where, name: "x", shape: [null, D], axes: "[N, D]" });
  const F = up.shape[0] / E;
  if (E < 1 || !Number.isInteger(F)) throw new ShapeError(`packedExpertMlp: up must be [E * F, D] for the E = ${E} experts of offsets; got [${up.shape.join(", ")}].`);
  checkBank("down", down, [E * D, F], "[E * D, F]");
  checkBank("up", up, [E * F, D], "[E * F, D]");
  if (gate) checkBank("gate", gate, [E * F, D], "[E * F, D]");
  const { gateBias, upBias, downBias } = biases;
  if (gateBias && !gate) throw new ShapeError("packedExpertMlp: gateBias needs a gate; got none.");
  if (gateBias) checkTensor(gateBias, { ...where, name: "gateBias", shape: [E, F], axes: "[E, F]" });
  if (upBias) checkTensor(upBias, { ...where, name: "upBias", shape: [E, F], axes: "[E, F]" });
  if (downBias) checkTensor(downBias, { ...where, name: "downBias", shape: [E, D], axes: "[E, D]" });
}

function checkBank(name: string, bank: PackedMatrix, shape: [number, number], axes: string): void {
  if (bank.shape[0] !== shape[0] || bank.shape[1] !== shape[1]) throw new ShapeError(`packedExpertMlp: ${name} must be ${axes} = [${shape.join(", ")}]; got [${bank.shape.join(", ")}].`);
  checkPacked("packedExpertMlp", bank);
}
