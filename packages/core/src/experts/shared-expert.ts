import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { weightVariable } from "../random.js";
import type { FeedForward } from "../types.js";
import { StackedExperts, type StackedExpertsOptions } from "./stacked-experts.js";

/**
 * Settings of {@link SharedExpert}.
 * @example const options: SharedExpertOptions = { dim: 64, hidden: 128, gated: true, seed: 1 };
 */
export interface SharedExpertOptions extends Omit<StackedExpertsOptions, "numExperts"> {
  /** Multiplies the output by `sigmoid(x . w)`, as in Qwen2-MoE. Default false. */
  readonly gated?: boolean;
}

/**
 * An expert that runs on every token, outside routing: `y = ffn(x)`, or `sigmoid(x . w) * ffn(x)` when gated.
 *
 * Several shared experts of width f are one of width `count * f`; set `hidden` so.
 *
 * @source Dai et al. 2024 (DeepSeekMoE), arXiv:2401.06066, eq. 9; gate: Qwen2-MoE, shared_expert_gate.
 * @example const shared = new SharedExpert({ dim: 64, hidden: 128, seed: 1, stream: "layers.0.shared" });
 */
export class SharedExpert implements FeedForward {
  /** The network, as a bank of one. */
  readonly ffn: StackedExperts;
  /** `[1, D]`, only when gated. */
  readonly gate?: Variable<Rank.R2>;

  constructor({ gated = false, ...options }: SharedExpertOptions) {
    const stream = options.stream ?? "sharedExpert";
    this.ffn = new StackedExperts({ ...options, numExperts: 1, stream });
    if (gated) this.gate = weightVariable([1, options.dim], { seed: options.seed, stream: `${stream}.sigmoidGate`, std: options.std });
  }

  /** @param x - `[T, D]`. @returns `[T, D]`. */
  forward(x: Tensor2D): Tensor2D {
    return tf.tidy(() => {
      const y = this.ffn.forward(x, { offsets: tf.tensor1d([0, x.shape[0]], "int32") });
      if (!this.gate) return y;
      const gate_T1 = tf.sigmoid(tf.sum(tf.mul(x, this.gate), 1, true));
      return tf.mul(y, gate_T1);
    });
  }
}
