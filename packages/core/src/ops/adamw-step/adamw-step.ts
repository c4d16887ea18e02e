import * as tf from "@tensorflow/tfjs";
import type { Tensor } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { ConfigError } from "../../errors.js";
import { checkTensor } from "../check.js";

/** Settings of {@link adamwStep}. @example const settings: AdamWSettings = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, step: 1 }; */
export interface AdamWSettings {
  readonly learningRate: number;
  /** Decay of the first moment, 0 to below 1. */
  readonly beta1: number;
  /** Decay of the second moment, 0 to below 1. */
  readonly beta2: number;
  /** Added to the root of the second moment. */
  readonly eps: number;
  /** Decoupled decay, scaled by the learning rate. */
  readonly weightDecay: number;
  /** Number of this step, from 1, for the bias corrections. */
  readonly step: number;
}

/** The op behind {@link adamwStep}. @example adamwStepOp.spec.name; // "MoekitAdamwStep" */
export const adamwStepOp = defineOp<{ param: Tensor; grad: Tensor; m: Tensor; v: Tensor }, AdamWSettings & Record<string, unknown>>({
  name: "MoekitAdamwStep",
  reference: ({ param, grad, m, v }, { learningRate, beta1, beta2, eps, weightDecay, step }) => {
    const mean = tf.add(tf.mul(m, beta1), tf.mul(grad, 1 - beta1));
    const square = tf.add(tf.mul(v, beta2), tf.mul(tf.square(grad), 1 - beta2));
    const root = tf.add(tf.sqrt(tf.div(square, 1 - beta2 ** step)), eps);
    const update = tf.div(tf.mul(mean, learningRate / (1 - beta1 ** step)), root);
    return [tf.sub(tf.mul(param, 1 - learningRate * weightDecay), update), mean, square];
  },
});

/**
 * One AdamW step: `m' = b1 m + (1 - b1) g`, `v' = b2 v + (1 - b2) g^2`,
 * `p' = (1 - lr wd) p - lr m' / (1 - b1^t) / (sqrt(v' / (1 - b2^t)) + eps)`. Nothing is changed in place; no gradient.
 *
 * @param param - float32 of any shape; `grad`, `m` and `v` have the same.
 * @returns The new parameter and moments.
 * @throws ShapeError if the shapes differ; ConfigError if `step` is not a whole number from 1.
 * @source Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2, with the decay scaled as in PyTorch.
 * @example const next = adamwStep(param, grad, m, v, { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, step: 1 });
 */
export function adamwStep(param: Tensor, grad: Tensor, m: Tensor, v: Tensor, settings: AdamWSettings): { param: Tensor; m: Tensor; v: Tensor } {
  for (const [name, tensor] of Object.entries({ grad, m, v })) checkTensor(tensor, { in: "adamwStep", name, shape: param.shape, axes: "the shape of param" });
  const { learningRate, beta1, beta2, eps, weightDecay, step } = settings;
  if (!Number.isInteger(step) || step < 1) throw new ConfigError(`adamwStep: step must be a whole number from 1; got ${step}.`);
  const [nextParam, nextM, nextV] = adamwStepOp.run({ param, grad, m, v }, { learningRate, beta1, beta2, eps, weightDecay, step });
  return { param: nextParam!, m: nextM!, v: nextV! };
}
