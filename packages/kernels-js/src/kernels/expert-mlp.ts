/**
 * The fused expert network and its gradients, expert by expert, with the rows of one expert in the caches all along.
 *
 * The gate and up matrices of an expert are stacked into one `[P, D]`, P = 2F, so that one multiplication makes both (P = F
 * without a gate). n rows of an expert, D model width, F expert width.
 */
import { type Matrix, floatsOf, type HostTensors, matrixOf, type TensorInfo, withScratch } from "../host-tensors.js";
import type { JsKernels, KernelInputs } from "../kernel.js";
import { type Activation, activations } from "../math/activation.js";
import { multiplyByTransposed, multiplyTransposed } from "../math/products.js";
import { addToRows, sumRows } from "../math/rows.js";
import { bankMatrix, clearTail, type Segment, segmentsOf } from "./grouped-matmul.js";

export const expertMlpKernels: JsKernels = {
  MoekitExpertMlp: (host, inputs, { activation, keep }) => {
    const { x, gate, up, offsets } = inputs;
    const y = host.allocate(x!.shape);
    const before = keep ? host.allocate([x!.shape[0]!, (gate ? 2 : 1) * up!.shape[1]!]) : undefined;
    for (const segment of segmentsOf(host, offsets!)) {
      if (segment.rows > 0) forwardExpert(host, inputs, segment, activations[activation as string]!, y, before);
    }
    const outputs = before ? [y, before] : [y];
    for (const output of outputs) clearTail(host, output, offsets!);
    return outputs;
  },

  MoekitExpertMlpGrad: (host, inputs, { activation }) => {
    const present = DIFFERENTIABLE.filter((name) => inputs[name]);
    const grads = Object.fromEntries(present.map((name) => [name, host.allocate(inputs[name]!.shape)])) as Gradients;
    for (const segment of segmentsOf(host, inputs.offsets!)) {
      if (segment.rows > 0) backwardExpert(host, inputs, segment, activations[activation as string]!, grads);
      else clearExpert(host, grads, segment.expert);
    }
    clearTail(host, grads.x, inputs.offsets!);
    return present.map((name) => grads[name]!);
  },
};

/** Inputs with a gradient, in the order of the outputs. */
const DIFFERENTIABLE = ["x", "gate", "up", "down", "gateBias", "upBias", "downBias"] as const;

type Gradients = Partial<Record<(typeof DIFFERENTIABLE)[number], TensorInfo>> & { x: TensorInfo; up: TensorInfo; down: TensorInfo };

function forwardExpert(host: HostTensors, inputs: KernelInputs, segment: Segment, activation: Activation, y: TensorInfo, before?: TensorInfo): void {
  const { down, downBias } = inputs;
  const { expert, start, rows } = segment;
  const W_d = bankMatrix(down!, expert);
  const y_nD = matrixOf(y, start, rows);
  const F = W_d.columns;
  withStacked(host, inputs, expert, (W_PD) =>
    withScratch(host, [[rows, W_PD.rows], [rows, F]], (pre_nP, hidden_nF) => {
      preActivations(host, inputs, segment, W_PD, pre_nP);
      if (before) floatsOf(host, matrixOf(before, start, rows)).set(floatsOf(host, pre_nP));
      activate(floatsOf(host, pre_nP), W_PD.rows, F, activation, floatsOf(host, hidden_nF));
      multiplyByTransposed(host, hidden_nF, W_d, y_nD);
    }),
  );
  if (downBias) addToRows(floatsOf(host, y_nD), floatsOf(host, matrixOf(downBias, expert, 1)));
}

function backwardExpert(host: HostTensors, inputs: KernelInputs, segment: Segment, activation: Activation, grads: Gradients): void {
  const { x, dy, down, before } = inputs;
  const { expert, start, rows } = segment;
  const x_nD = matrixOf(x!, start, rows);
  const dy_nD = matrixOf(dy!, start, rows);
  const W_d = bankMatrix(down!, expert);
  const F = W_d.columns;
  withStacked(host, inputs, expert, (W_PD) =>
    withScratch(host, [[rows, W_PD.rows], [rows, F]], (pre_nP, hidden_nF) => {
      if (before) floatsOf(host, pre_nP).set(floatsOf(host, matrixOf(before, start, rows)));
      else preActivations(host, inputs, segment, W_PD, pre_nP);
      host.multiply(dy_nD, W_d, hidden_nF);
      // Each number is replaced once it has been used: pre by its gradient, the gradient of hidden by hidden.
      activateBackward(floatsOf(host, pre_nP), W_PD.rows, F, activation, floatsOf(host, hidden_nF));
      multiplyTransposed(host, dy_nD, hidden_nF, bankMatrix(grads.down, expert));
      host.multiply(pre_nP, W_PD, matrixOf(grads.x, start, rows));
      stackedGradients(host, pre_nP, x_nD, expert, grads);
    }),
  );
  if (grads.downBias) sumRows(floatsOf(host, dy_nD), floatsOf(host, matrixOf(grads.downBias, expert, 1)));
}

/** Runs `use` with `[gate_e; up_e]`, or `up_e` alone. */
function withStacked(host: HostTensors, { gate, up }: KernelInputs, expert: number, use: (W_PD: Matrix) => void): void {
  const up_FD = bankMatrix(up!, expert);
  if (!gate) return use(up_FD);
  const { rows, columns } = up_FD;
  withScratch(host, [[2 * rows, columns]], (W_PD) => {
    const stacked = floatsOf(host, W_PD);
    stacked.set(floatsOf(host, bankMatrix(gate, expert)));
    stacked.set(floatsOf(host, up_FD), rows * columns);
    use(W_PD);
  });
}

function preActivations(host: HostTensors, { x, gate, up, gateBias, upBias }: KernelInputs, { expert, start, rows }: Segment, W_PD: Matrix, pre_nP: Matrix): void {
  multiplyByTransposed(host, matrixOf(x!, start, rows), W_PD, pre_nP);
  if (!gateBias && !upBias) return;
  const F = up!.shape[1]!;
  const bias_P = new Float32Array(W_PD.rows);
  if (gateBias) bias_P.set(floatsOf(host, matrixOf(gateBias, expert, 1)));
  if (upBias) bias_P.set(floatsOf(host, matrixOf(upBias, expert, 1)), gate ? F : 0);
  addToRows(floatsOf(host, pre_nP), bias_P);
}

/** `hidden = act(gate) * up`, or `act(up)` where P = F. */
function activate(pre_nP: Float32Array, P: number, F: number, { share }: Activation, hidden_nF: Float32Array): void {
  const gated = P > F;
  for (let p = 0, h = 0; p < pre_nP.length; p += P, h += F) {
    for (let f = 0; f < F; f++) {
      const a = pre_nP[p + f]!;
      hidden_nF[h + f] = a * share(a) * (gated ? pre_nP[p + F + f]! : 1);
    }
  }
}

/** In place: `pre` becomes its gradient, and `hidden`, which holds its own gradient, becomes hidden. */
function activateBackward(pre_nP: Float32Array, P: number, F: number, { share, slope }: Activation, hidden_nF: Float32Array): void {
  const gated = P > F;
  for (let p = 0, h = 0; p < pre_nP.length; p += P, h += F) {
    for (let f = 0; f < F; f++) {
      const a = pre_nP[p + f]!;
      const up = gated ? pre_nP[p + F + f]! : 1;
      const dHidden = hidden_nF[h + f]!;
      const s = share(a);
      hidden_nF[h + f] = a * s * up;
      pre_nP[p + f] = dHidden * up * slope(a, s);
      if (gated) pre_nP[p + F + f] = dHidden * a * s;
    }
  }
}

/** Gradients of the stacked matrices and biases, taken apart. */
function stackedGradients(host: HostTensors, dPre_nP: Matrix, x_nD: Matrix, expert: number, grads: Gradients): void {
  const F = grads.up.shape[1]!;
  withScratch(host, [[dPre_nP.columns, x_nD.columns]], (dW_PD) => {
    multiplyTransposed(host, dPre_nP, x_nD, dW_PD);
    const dW = floatsOf(host, dW_PD);
    const half = F * x_nD.columns;
    if (grads.gate) floatsOf(host, bankMatrix(grads.gate, expert)).set(dW.subarray(0, half));
    floatsOf(host, bankMatrix(grads.up, expert)).set(dW.subarray(dW.length - half));
  });
  if (!grads.gateBias && !grads.upBias) return;
  const sum_P = new Float32Array(dPre_nP.columns);
  sumRows(floatsOf(host, dPre_nP), sum_P);
  if (grads.gateBias) floatsOf(host, matrixOf(grads.gateBias, expert, 1)).set(sum_P.subarray(0, F));
  if (grads.upBias) floatsOf(host, matrixOf(grads.upBias, expert, 1)).set(sum_P.subarray(sum_P.length - F));
}

function clearExpert(host: HostTensors, { x: _x, ...banks }: Gradients, expert: number): void {
  for (const bank of Object.values(banks)) {
    const size = bank.shape.slice(1).reduce((a, b) => a * b, 1);
    host.floats(bank).fill(0, expert * size, (expert + 1) * size);
  }
}
