import * as tf from "@tensorflow/tfjs";
import type { Tensor, Tensor1D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { ConfigError, ShapeError } from "../../errors.js";
import { checkTensor } from "../check.js";
import { asRows, sumRows } from "../rows.js";

/** The op behind {@link rmsNorm}. @example rmsNormOp.spec.name; // "MoekitRmsNorm" */
export const rmsNormOp = defineOp<{ x: Tensor; weight: Tensor1D }, { eps: number }>({
  name: "MoekitRmsNorm",
  reference: ({ x, weight }, { eps }) => (x.size === 0 ? tf.zeros(x.shape) : tf.mul(tf.mul(x, inverseRms(x, eps)), weight)),
  gradient: ([dy], { inputs: { x, weight } }, { eps }) => {
    const [dx, dWeight] = rmsNormGradOp.run({ x, weight, dy: dy! }, { eps });
    return { x: () => dx!, weight: () => dWeight! };
  },
});

/**
 * Both gradients of {@link rmsNorm}: with `r = 1 / rms`, `dx = r (w dy - x r^2 mean(w dy x))` and `dweight = sum over rows
 * of dy x r`. No gradient.
 * @example rmsNormGradOp.spec.name; // "MoekitRmsNormGrad"
 */
export const rmsNormGradOp = defineOp<{ x: Tensor; weight: Tensor1D; dy: Tensor }, { eps: number }>({
  name: "MoekitRmsNormGrad",
  reference: ({ x, weight, dy }, { eps }) => {
    if (x.size === 0) return [tf.zeros(x.shape), tf.zeros(weight.shape)];
    const r = inverseRms(x, eps);
    const pulled = tf.mul(dy, weight);
    const pull = tf.mul(tf.mean(tf.mul(pulled, x), -1, true), tf.square(r));
    return [tf.mul(r, tf.sub(pulled, tf.mul(x, pull))), sumRows(asRows(tf.mul(dy, tf.mul(x, r))))];
  },
});

/**
 * Root mean square norm of the last axis: `y = x / sqrt(mean(x^2) + eps) * weight`.
 *
 * @param x - `[..., D]` float32.
 * @param weight - `[D]` float32.
 * @param eps - Above 0.
 * @returns The shape of x.
 * @throws ShapeError if the last axis of x is not D; ConfigError if `eps` is not above 0.
 * @source Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4, with eps inside the root as in Llama.
 * @example rmsNorm(tf.tensor2d([[3, 4]]), tf.ones([2]), 1e-6).print(); // [[0.8485281, 1.1313708]]
 */
export function rmsNorm<T extends Tensor>(x: T, weight: Tensor1D, eps: number): T {
  checkTensor(weight, { in: "rmsNorm", name: "weight", shape: [null], axes: "[D]" });
  const fits = x.dtype === "float32" && x.rank >= 1 && x.shape[x.rank - 1] === weight.size;
  if (!fits) throw new ShapeError(`rmsNorm: x must be float32 [..., D] = [..., ${weight.size}]; got ${x.dtype} [${x.shape.join(", ")}].`);
  if (!(eps > 0)) throw new ConfigError(`rmsNorm: eps must be above 0; got ${eps}.`);
  return rmsNormOp.run({ x, weight }, { eps })[0] as T;
}

const inverseRms = (x: Tensor, eps: number): Tensor => tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), eps));
