import * as tf from "@tensorflow/tfjs";
import { adamwStep, type ParameterMap } from "@moekit/core";
import { requireAtLeast, requireAtMost } from "../require.js";
import type { Optimizer, UpdateMoment } from "./optimizer.js";
import { isDecayed, parameterRole } from "./parameter-role.js";
import { Slots } from "./slots.js";

/** Settings of {@link adamw}. @example const options: AdamWOptions = { beta2: 0.99, weightDecay: 0 }; */
export interface AdamWOptions {
  /** Decay of the first moment; default 0.9. */
  readonly beta1?: number;
  /** Decay of the second moment; default 0.95 (0.99 for very small batches). */
  readonly beta2?: number;
  /** Added to the root of the second moment; default 1e-8. */
  readonly eps?: number;
  /** Decoupled decay of matrices; default 0.1. Norms, biases and vectors never decay. */
  readonly weightDecay?: number;
}

/**
 * AdamW with weight decay on matrices only.
 *
 * `m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + wd p)`, t from 1.
 *
 * @throws ConfigError if a setting is negative or a beta is not below 1.
 * @source Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2 (decay scaled by the learning rate, as in PyTorch).
 * @example const optimizer = adamw({ weightDecay: 0.1 });
 */
export function adamw(options: AdamWOptions = {}): AdamW {
  return new AdamW(options);
}

/** The optimiser that {@link adamw} makes. @example new AdamW({}).id; // "adamw" */
export class AdamW implements Optimizer {
  readonly id = "adamw";
  private readonly settings: Required<AdamWOptions>;
  private readonly slots = new Slots();
  private parameters: ParameterMap = {};

  constructor({ beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weightDecay = 0.1 }: AdamWOptions) {
    requireAtLeast("adamw", { beta1, beta2, eps, weightDecay }, 0);
    requireAtMost("adamw", { beta1, beta2 }, 1 - Number.EPSILON);
    this.settings = { beta1, beta2, eps, weightDecay };
  }

  prepare(parameters: ParameterMap): void {
    this.parameters = parameters;
    this.slots.dispose();
    this.slots.add("m", parameters);
    this.slots.add("v", parameters);
  }

  step(gradients: Readonly<Record<string, tf.Tensor>>, moment: UpdateMoment): void {
    for (const [path, variable] of Object.entries(this.parameters)) {
      const gradient = gradients[path];
      if (gradient) tf.tidy(() => this.update(path, variable, gradient, moment));
    }
  }

  state(): Record<string, tf.Variable> {
    return this.slots.all();
  }

  dispose(): void {
    this.slots.dispose();
  }

  private update(path: string, variable: tf.Variable, gradient: tf.Tensor, moment: UpdateMoment): void {
    const m = this.slots.get("m", path);
    const v = this.slots.get("v", path);
    const weightDecay = isDecayed(parameterRole(path, variable.shape)) ? this.settings.weightDecay : 0;
    const next = adamwStep(variable, gradient, m, v, { ...this.settings, ...moment, weightDecay });
    variable.assign(next.param);
    m.assign(next.m);
    v.assign(next.v);
  }
}
