import type { JsKernels } from "../kernel.js";
import { exp } from "../math/exp.js";

/** `loss = log(sum exp(logits)) - logits[target]` by row, and its gradient. Targets of -1 are ignored. T rows, V classes. */
export const crossEntropyKernels: JsKernels = {
  MoekitCrossEntropy: (host, { logits, targets }) => {
    const [T, V] = logits!.shape as [number, number];
    const losses = host.allocate([T]);
    const [z, target, out] = [host.floats(logits!), host.ints(targets!), host.floats(losses)];
    for (let t = 0; t < T; t++) out[t] = target[t]! < 0 ? 0 : logSumExp(z, t * V, V) - z[t * V + target[t]!]!;
    return [losses];
  },

  /** `dlogits = dy (softmax(logits) - onehot(target))`. */
  MoekitCrossEntropyGrad: (host, { logits, targets, dy }) => {
    const [T, V] = logits!.shape as [number, number];
    const dLogits = host.allocate([T, V]);
    const [z, target, grad, out] = [host.floats(logits!), host.ints(targets!), host.floats(dy!), host.floats(dLogits)];
    for (let t = 0, row = 0; t < T; t++, row += V) {
      if (target[t]! < 0) {
        out.fill(0, row, row + V);
        continue;
      }
      scaledSoftmax(z, row, V, grad[t]!, out);
      out[row + target[t]!]! -= grad[t]!;
    }
    return [dLogits];
  },
};

function maximum(z: Float32Array, row: number, V: number): number {
  let max = -Infinity;
  for (let v = row; v < row + V; v++) if (z[v]! > max) max = z[v]!;
  return max;
}

function logSumExp(z: Float32Array, row: number, V: number): number {
  const max = maximum(z, row, V);
  let sum = 0;
  for (let v = row; v < row + V; v++) sum += exp(z[v]! - max);
  return max + Math.log(sum);
}

function scaledSoftmax(z: Float32Array, row: number, V: number, scale: number, out: Float32Array): void {
  const max = maximum(z, row, V);
  let sum = 0;
  for (let v = row; v < row + V; v++) {
    const e = exp(z[v]! - max);
    out[v] = e;
    sum += e;
  }
  const factor = scale / sum;
  for (let v = row; v < row + V; v++) out[v]! *= factor;
}
