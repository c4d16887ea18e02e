import type { JsKernels } from "../kernel.js";

/** One AdamW step in one pass over the parameter. */
export const adamwStepKernels: JsKernels = {
  MoekitAdamwStep: (host, { param, grad, m, v }, attrs) => {
    const { learningRate, beta1, beta2, eps, weightDecay, step } = attrs as Record<"learningRate" | "beta1" | "beta2" | "eps" | "weightDecay" | "step", number>;
    const [newParam, newM, newV] = [host.allocate(param!.shape), host.allocate(m!.shape), host.allocate(v!.shape)];
    const [p, g, m0, v0] = [host.floats(param!), host.floats(grad!), host.floats(m!), host.floats(v!)];
    const [p1, m1, v1] = [host.floats(newParam), host.floats(newM), host.floats(newV)];
    const [correction1, correction2] = [1 / (1 - beta1 ** step), 1 / (1 - beta2 ** step)];
    const keep = 1 - learningRate * weightDecay;
    for (let i = 0; i < p.length; i++) {
      const mean = beta1 * m0[i]! + (1 - beta1) * g[i]!;
      const square = beta2 * v0[i]! + (1 - beta2) * g[i]! * g[i]!;
      m1[i] = mean;
      v1[i] = square;
      p1[i] = keep * p[i]! - (learningRate * mean * correction1) / (Math.sqrt(square * correction2) + eps);
    }
    return [newParam, newM, newV];
  },
};
