import * as tf from "@tensorflow/tfjs";
import type { TemperatureConfig } from "../config/attention-config.js";

/**
 * Queries `[B, S, H, d]` at positions from `start` on, each times `1 + scale ln(1 + floor((position + 1) / every))`: attention stays
 * sharp in long texts.
 * @source Nakanishi 2025 (scalable softmax), arXiv:2501.19399; transformers llama4, attn_temperature_tuning.
 */
export function withTemperature(q_BSHd: tf.Tensor4D, { scale, every }: TemperatureConfig, start: number): tf.Tensor4D {
  const length = q_BSHd.shape[1];
  const factors = Float32Array.from({ length }, (_, i) => 1 + scale * Math.log1p(Math.floor((start + i + 1) / every)));
  return factors.every((factor) => factor === 1) ? q_BSHd : tf.mul(q_BSHd, tf.tensor4d(factors, [1, length, 1, 1]));
}
