import * as tf from "@tensorflow/tfjs";
import type { Tensor1D } from "@tensorflow/tfjs";
import type { Gradients } from "./micro-step.js";

/** Adds `more` into `sum` and disposes what is replaced, so that at most one gradient exists twice at any time. */
export function accumulate(sum: Gradients, more: Gradients): void {
  for (const [path, gradient] of Object.entries(more)) {
    const before = sum[path];
    sum[path] = before ? tf.add(before, gradient) : gradient;
    if (before) tf.dispose([before, gradient]);
  }
}

/** Sum of squares of each gradient, in the order of the paths: the parts of the global norm, and what names a NaN. */
export function squaredNorms(gradients: Gradients): Tensor1D {
  return tf.tidy(() => tf.stack(Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)))) as Tensor1D);
}

/** Scales all gradients so that their global norm is at most `clipNorm`. */
export function clip(gradients: Gradients, norm: number, clipNorm: number): void {
  if (norm <= clipNorm) return;
  for (const [path, gradient] of Object.entries(gradients)) {
    gradients[path] = tf.mul(gradient, clipNorm / norm);
    gradient.dispose();
  }
}
