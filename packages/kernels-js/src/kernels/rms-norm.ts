import type { JsKernels } from "../kernel.js";

/** `y = x / sqrt(mean(x^2) + eps) * weight` over rows of width D, and its gradients. */
export const rmsNormKernels: JsKernels = {
  MoekitRmsNorm: (host, { x, weight }, { eps }) => {
    const y = host.allocate(x!.shape);
    const [from, scale, to] = [host.floats(x!), host.floats(weight!), host.floats(y)];
    const D = scale.length;
    for (let row = 0; row < from.length; row += D) {
      const r = inverseRms(from, row, D, eps as number);
      for (let d = 0; d < D; d++) to[row + d] = from[row + d]! * r * scale[d]!;
    }
    return [y];
  },

  /** With `r = 1 / rms`: `dx = r w dy - x r^3 mean(w dy x)`, `dweight = sum over rows of dy x r`. */
  MoekitRmsNormGrad: (host, { x, weight, dy }, { eps }) => {
    const [dx, dWeight] = [host.allocate(x!.shape), host.allocate(weight!.shape)];
    const [from, scale, grad, to] = [host.floats(x!), host.floats(weight!), host.floats(dy!), host.floats(dx)];
    const D = scale.length;
    const sum = new Float64Array(D);
    for (let row = 0; row < from.length; row += D) {
      const r = inverseRms(from, row, D, eps as number);
      let projection = 0;
      for (let d = 0; d < D; d++) {
        const product = grad[row + d]! * from[row + d]!;
        projection += product * scale[d]!;
        sum[d]! += product * r;
      }
      const pull = (projection * r * r) / D;
      for (let d = 0; d < D; d++) to[row + d] = r * (grad[row + d]! * scale[d]! - from[row + d]! * pull);
    }
    host.floats(dWeight).set(sum);
    return [dx, dWeight];
  },
};

function inverseRms(x: Float32Array, row: number, D: number, eps: number): number {
  let squares = 0;
  for (let d = 0; d < D; d++) squares += x[row + d]! * x[row + d]!;
  return 1 / Math.sqrt(squares / D + eps);
}
