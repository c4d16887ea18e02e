/** Angles of rotary position embedding. In float32 at each step, as transformers computes them. */
import type { DynamicRope, Llama3Rope, LongRope, RopeConfig, YarnRope } from "../config/rope-config.js";

const f32 = Math.fround;

/**
 * Angle per position of each pair of dimensions, `[dim / 2]`, and the factor of cos and sin. An odd `dim` makes one pair more, as in transformers.
 * @param length - Tokens of the sequence so far, which the dynamic kinds depend on.
 */
export function ropeFrequencies(rope: RopeConfig, dim: number, length = 0): { inverse: Float32Array; scale: number } {
  const inverse = frequencies(rope.theta, dim);
  switch (rope.kind) {
    case "default":
      return { inverse, scale: 1 };
    case "linear":
      return { inverse: inverse.map((f) => f / rope.factor), scale: 1 };
    case "llama3":
      return { inverse: inverse.map((f) => llama3(f, rope)), scale: 1 };
    case "yarn":
      return { inverse: inverse.map((f, j) => yarn(f, j, yarnRange(rope, dim), rope.factor)), scale: rope.attentionFactor };
    case "dynamic":
      return { inverse: frequencies(dynamicTheta(rope, dim, length), dim), scale: 1 };
    case "longrope":
      return longRope(inverse, rope, length);
  }
}

function frequencies(theta: number, dim: number): Float32Array {
  return Float32Array.from({ length: Math.ceil(dim / 2) }, (_, j) => 1 / f32(theta ** f32((2 * j) / dim)));
}

/** The base grows with the sequence once it is longer than the model was made for. */
function dynamicTheta({ theta, factor, maxPositions, alpha }: DynamicRope, dim: number, length: number): number {
  const growth = (factor * Math.max(length, maxPositions)) / maxPositions - (factor - 1);
  // transformers knows alpha only until the base grows.
  const stretch = alpha !== undefined && length <= maxPositions ? alpha : growth;
  return theta * stretch ** (dim / (dim - 2));
}

function longRope(inverse: Float32Array, { shortFactor, longFactor, originalPositions, shortScale, longScale }: LongRope, length: number): { inverse: Float32Array; scale: number } {
  const isLong = length > originalPositions;
  const factors = isLong ? longFactor : shortFactor;
  return { inverse: inverse.map((frequency, pair) => frequency / factors[pair]!), scale: isLong ? longScale : shortScale };
}

function llama3(frequency: number, { factor, lowFrequency, highFrequency, originalPositions }: Llama3Rope): number {
  const turns = (originalPositions * frequency) / (2 * Math.PI);
  if (turns < lowFrequency) return frequency / factor;
  if (turns >= highFrequency) return frequency;
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
