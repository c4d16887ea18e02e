import * as tf from "@tensorflow/tfjs";
import type { RotaryConfig } from "../config/attention-config.js";
import type { ModelConfig } from "../config/model-config.js";
import { ropeFrequencies } from "./rope-frequencies.js";

/** cos and sin of the positions of a call, each `[S, dim / 2]`. */
export interface RotaryTables {
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

/** Tables of positions `start` to `start + length`. In float32 at each step, as transformers computes them. */
export function rotaryTables({ rope, dim }: Pick<RotaryConfig, "rope" | "dim">, start: number, length: number): RotaryTables {
  const { inverse, scale } = ropeFrequencies(rope, dim, start + length);
  const pairs = inverse.length;
  const angle = (i: number) => Math.fround((start + Math.floor(i / pairs)) * inverse[i % pairs]!);
  const table = (wave: (angle: number) => number) => tf.tensor2d(Float32Array.from({ length: length * pairs }, (_, i) => wave(angle(i)) * scale), [length, pairs]);
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/**
 * True if the angles of a sequence's earlier tokens are others once it is `to` instead of `from` tokens long, as with the kinds
 * that stretch with the length. Keys that were turned before are then of no use.
 */
export function anglesDependOnLength({ layers }: Pick<ModelConfig, "layers">, from: number, to: number): boolean {
  return layers.some(({ attention: { rotary } }) => {
    if (!rotary || (rotary.rope.kind !== "dynamic" && rotary.rope.kind !== "longrope")) return false;
    const [before, after] = [from, to].map((length) => ropeFrequencies(rotary.rope, rotary.dim, length)) as [Frequencies, Frequencies];
    return before.scale !== after.scale || before.inverse.some((angle, pair) => angle !== after.inverse[pair]);
  });
}

type Frequencies = ReturnType<typeof ropeFrequencies>;
