/** N rows sorted by expert, E experts, D model width, F expert width. */
import * as tf from "@tensorflow/tfjs";
import { constantVariable, groupedMatmul, tidy, weightVariable, type DispatchPlan, type ExpertBank } from "@moekit/core";
import type { MoeConfig } from "../config/feed-forward-config.js";
import type { ModelInit } from "./model-init.js";

const LIMIT = 7;
const SHARPNESS = 1.702;

/** `(u + 1) g sigmoid(1.702 g)` with `g = min(gate, 7)` and `u = up` clamped to ±7. */
export function clampedSwiglu<T extends tf.Tensor>(gate: T, up: T): T {
  return tf.tidy(() => {
    const g = tf.minimum(gate, LIMIT);
    const u = tf.clipByValue(up, -LIMIT, LIMIT);
    return tf.mul(tf.mul(tf.add(u, 1), g), tf.sigmoid(tf.mul(g, SHARPNESS)));
  });
}

/**
 * Experts `down(clampedSwiglu(gate x, up x))` with biases on all three.
 * @source gpt-oss; transformers gpt_oss, GptOssExperts.
 */
export class ClampedExperts implements ExpertBank {
  /** `[E, F, D]` */
  readonly gate: tf.Variable<tf.Rank.R3>;
  /** `[E, F, D]` */
  readonly up: tf.Variable<tf.Rank.R3>;
  /** `[E, D, F]` */
  readonly down: tf.Variable<tf.Rank.R3>;
  /** `[E, F]` */
  readonly gateBias: tf.Variable<tf.Rank.R2>;
  /** `[E, F]` */
  readonly upBias: tf.Variable<tf.Rank.R2>;
  /** `[E, D]` */
  readonly downBias: tf.Variable<tf.Rank.R2>;

  constructor({ numExperts: E, width: F }: Pick<MoeConfig, "numExperts" | "width">, D: number, stream: string, { seed, std, residualStd }: ModelInit) {
    this.gate = weightVariable([E, F, D], { seed, stream: `${stream}.gate`, std });
    this.up = weightVariable([E, F, D], { seed, stream: `${stream}.up`, std });
    this.down = weightVariable([E, D, F], { seed, stream: `${stream}.down`, std: residualStd });
    this.gateBias = constantVariable([E, F], 0);
    this.upBias = constantVariable([E, F], 0);
    this.downBias = constantVariable([E, D], 0);
  }

  get numExperts(): number {
    return this.up.shape[0];
  }

  /** @param x_ND - `[N, D]` rows sorted by expert. @returns `[N, D]`; rows past the last expert are 0. */
  forward(x_ND: tf.Tensor2D, { offsets }: Pick<DispatchPlan, "offsets">): tf.Tensor2D {
    return tidy(() => {
      const gate_NF = groupedMatmul(x_ND, this.gate, offsets, this.gateBias);
      const up_NF = groupedMatmul(x_ND, this.up, offsets, this.upBias);
      return groupedMatmul(clampedSwiglu(gate_NF, up_NF), this.down, offsets, this.downBias);
    });
  }
}
