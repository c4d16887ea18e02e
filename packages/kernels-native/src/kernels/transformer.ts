import { lastOf, type OpKernels, rowsOf, sizeOf } from "../kernel.js";

/** The small ops of a transformer. */
export const transformerKernels: OpKernels = {
  MoekitRmsNorm: ({ backend, native }, { x, weight }, { eps }) => {
    const y = backend.allocate(x!.shape);
    native.rmsNorm!(backend.floats(x!), backend.floats(weight!), backend.floats(y), rowsOf(x!), lastOf(x!), eps as number);
    return [y];
  },

  MoekitRmsNormGrad: ({ backend, native }, { x, weight, dy }, { eps }) => {
    const [dx, dWeight] = [backend.allocate(x!.shape), backend.allocate(weight!.shape)];
    native.rmsNormGrad!(backend.floats(x!), backend.floats(weight!), backend.floats(dy!), backend.floats(dx), backend.floats(dWeight), rowsOf(x!), lastOf(x!), eps as number);
    return [dx, dWeight];
  },

  MoekitRotary: ({ backend, native }, { x, cos, sin }, { layout }) => {
    const y = backend.allocate(x!.shape);
    const [, , H, d] = x!.shape as [number, number, number, number];
    native.rotary!(backend.floats(x!), backend.floats(cos!), backend.floats(sin!), backend.floats(y), rowsOf(x!), H, d, lastOf(cos!), rowsOf(cos!), layout === "interleaved");
    return [y];
  },

  MoekitSwiglu: ({ backend, native }, { gate, up }) => {
    const y = backend.allocate(gate!.shape);
    native.swiglu!(backend.floats(gate!), backend.floats(up!), backend.floats(y), sizeOf(y.shape));
    return [y];
  },

  MoekitSwigluGrad: ({ backend, native }, { gate, up, dy }) => {
    const [dGate, dUp] = [backend.allocate(gate!.shape), backend.allocate(gate!.shape)];
    native.swigluGrad!(backend.floats(gate!), backend.floats(up!), backend.floats(dy!), backend.floats(dGate), backend.floats(dUp), sizeOf(gate!.shape));
    return [dGate, dUp];
  },

  MoekitCrossEntropy: ({ backend, native }, { logits, targets }) => {
    const losses = backend.allocate(targets!.shape);
    native.crossEntropy!(backend.floats(logits!), backend.ints(targets!), backend.floats(losses), ...logits!.shape);
    return [losses];
  },

  MoekitCrossEntropyGrad: ({ backend, native }, { logits, targets, dy }) => {
    const dLogits = backend.allocate(logits!.shape);
    native.crossEntropyGrad!(backend.floats(logits!), backend.ints(targets!), backend.floats(dy!), backend.floats(dLogits), ...logits!.shape);
    return [dLogits];
  },

  MoekitAdamwStep: ({ backend, native }, { param, grad, m, v }, attrs) => {
    const outputs = [0, 1, 2].map(() => backend.allocate(param!.shape));
    const { learningRate, beta1, beta2, eps, weightDecay, step } = attrs as Record<string, number>;
    const arrays = [param!, grad!, m!, v!, ...outputs].map((tensor) => backend.floats(tensor));
    native.adamwStep!(...arrays, sizeOf(param!.shape), learningRate, beta1, beta2, eps, weightDecay, step);
    return outputs;
  },
};
