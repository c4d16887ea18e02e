/** Angles of rotary position embedding. In float32 at each step, as transformers computes them. */
import * as tf from "@tensorflow/tfjs";
import type { Llama3Rope, RopeConfig, YarnRope } from "../config/rope-config.js";

const f32 = Math.fround;

/** Angle per position of each pair of dimensions, `[dim / 2]`, and the factor of cos and sin. */
export function ropeFrequencies(rope: RopeConfig, dim: number): { inverse: Float32Array; scale: number } {
  const inverse = Float32Array.from({ length: dim / 2 }, (_, j) => 1 / f32(rope.theta ** f32((2 * j) / dim)));
  switch (rope.kind) {
    case "default":
      return { inverse, scale: 1 };
    case "linear":
      return { inverse: inverse.map((f) => f / rope.factor), scale: 1 };
    case "llama3":
      return { inverse: inverse.map((f) => llama3(f, rope)), scale: 1 };
    case "yarn":
      return { inverse: inverse.map((f, j) => yarn(f, j, yarnRange(rope, dim), rope.factor)), scale: rope.attentionFactor };
  }
}

/**
 * cos and sin of positions `start` to `start + length`, each `[length, dim / 2]`.
 */
export function ropeTables(rope: RopeConfig, dim: number, start: number, length: number): { cos: tf.Tensor2D; sin: tf.Tensor2D } {
  const { inverse, scale } = ropeFrequencies(rope, dim);
  const pairs = inverse.length;
  const table = (wave: (angle: number) => number) =>
    tf.tensor2d(Float32Array.from({ length: length * pairs }, (_, i) => wave(f32((start + Math.floor(i / pairs)) * inverse[i % pairs]!)) * scale), [length, pairs]);
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

function llama3(frequency: number, { factor, lowFrequency, highFrequency, originalPositions }: Llama3Rope): number {
  const turns = (originalPositions * frequency) / (2 * Math.PI);
  if (turns < lowFrequency) return frequency / factor;
  if (turns > highFrequency) return frequency;
  const smooth = (turns - lowFrequency) / (highFrequency - lowFrequency);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

/** The dimensions between which YaRN goes over from kept to stretched frequencies. */
function yarnRange({ theta, betaFast, betaSlow, truncate, originalPositions }: YarnRope, dim: number): [number, number] {
  const dimensionOf = (turns: number) => (dim * Math.log(originalPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [low, high] = [dimensionOf(betaFast), dimensionOf(betaSlow)];
  const ends: [number, number] = truncate ? [Math.floor(low), Math.ceil(high)] : [low, high];
  return [Math.max(ends[0], 0), Math.min(ends[1], dim - 1)];
}

function yarn(frequency: number, pair: number, [low, high]: [number, number], factor: number): number {
  const ramp = Math.min(Math.max((pair - low) / (low === high ? 0.001 : high - low), 0), 1);
  return frequency * (1 - ramp) + (frequency / factor) * ramp;
}
