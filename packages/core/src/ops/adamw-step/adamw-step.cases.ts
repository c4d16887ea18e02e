import { given, host } from "../host-loops.js";
import { type HostArray, type HostInputs, type OpCase, size, uniform } from "../op-case.js";
import { type AdamWSettings, adamwStepOp } from "./adamw-step.js";

const SETTINGS: AdamWSettings = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, step: 1 };

function stepCase(name: string, shape: readonly number[], settings: Partial<AdamWSettings> = {}, extra: Partial<OpCase> = {}): OpCase {
  const attrs = { ...SETTINGS, ...settings };
  const squares = uniform(shape, 4);
  return {
    name: `adamwStep: ${name}`,
    op: adamwStepOp,
    inputs: () => ({ param: uniform(shape, 1), grad: uniform(shape, 2), m: uniform(shape, 3, 0.1), v: { ...squares, data: squares.data.map(Math.abs) } }),
    attrs,
    reference: (inputs) => stepByLoop(inputs, attrs),
    ...extra,
  };
}

export const adamwStepCases: OpCase[] = [
  stepCase("no elements", [0, 3]),
  stepCase("a prime number of elements, first step", [13]),
  stepCase("step 1000, no decay", [3, 5], { step: 1000, weightDecay: 0 }),
  stepCase("a million elements", [1024, 1024], { step: 7 }, { bench: { flops: 12 * size([1024, 1024]) } }),
];

function stepByLoop(inputs: HostInputs, { learningRate, beta1, beta2, eps, weightDecay, step }: AdamWSettings): HostArray[] {
  const [param, grad, m, v] = [given(inputs.param), given(inputs.grad), given(inputs.m), given(inputs.v)];
  const mean = grad.data.map((g, i) => beta1 * m.data[i]! + (1 - beta1) * g);
  const square = grad.data.map((g, i) => beta2 * v.data[i]! + (1 - beta2) * g * g);
  const next = param.data.map((p, i) => {
    const corrected = mean[i]! / (1 - beta1 ** step) / (Math.sqrt(square[i]! / (1 - beta2 ** step)) + eps);
    return p - learningRate * (corrected + weightDecay * p);
  });
  return [host(param.shape, next), host(param.shape, mean), host(param.shape, square)];
}
