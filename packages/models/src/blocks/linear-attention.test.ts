import * as tf from "@tensorflow/tfjs";
import { disposeParameters, parameters, randomNormal } from "@moekit/core";
import { beforeAll, describe, expect, it } from "vitest";
import type { LinearAttentionConfig } from "../config/attention-config.js";
import { KeyValueCache } from "../generation/key-value-cache.js";
import { maxDifference, useBackend } from "../testing/fixtures.js";
import { Decay } from "./decay.js";
import { LinearAttention } from "./linear-attention.js";

const [B, S, D, H, d] = [2, 11, 5, 2, 3];
const configOf = (blockSize: number): LinearAttentionConfig => ({ kind: "linear", numHeads: H, headDim: d, blockSize, slopes: [0.5, 0.07] });
const init = { seed: 3, std: 0.6, residualStd: 0.5, tableStd: 0 };
const create = (blockSize: number) => new LinearAttention(configOf(blockSize), { hiddenSize: D }, "test", init);
const tokens = () => tf.tensor2d(randomNormal(B * S * D, { seed: 1, stream: "x" }), [B * S, D]);

/** The definition, token by token, in float64. */
function byRecurrence(layer: LinearAttention, x: number[][]): number[] {
  const [w, g, o, norm] = [layer.queryKeyValue, layer.gate, layer.output, layer.norm].map(({ weight }) => (weight as tf.Variable).arraySync()) as [number[][], number[][], number[][], number[]];
  const times = (matrix: number[][], row: number[]) => matrix.map((line) => line.reduce((sum, value, i) => sum + value * row[i]!, 0));
  const out: number[] = [];
  for (let b = 0; b < B; b++) {
    const states = Array.from({ length: H }, () => Array.from({ length: d }, () => new Array<number>(d).fill(0)));
    for (let s = 0; s < S; s++) {
      const row = x[b * S + s]!;
      const mixed = times(w, row).map((value) => value / (1 + Math.exp(-value)));
      const y = states.flatMap((state, h) => {
        const [q, k, v] = [0, 1, 2].map((part) => mixed.slice((3 * h + part) * d, (3 * h + part + 1) * d)) as [number[], number[], number[]];
        const keep = Math.exp(-configOf(1).slopes[h]!);
        for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) state[i]![j] = keep * state[i]![j]! + k[i]! * v[j]!;
        return v.map((_, j) => q.reduce((sum, value, i) => sum + value * state[i]![j]!, 0));
      });
      const scale = Math.sqrt(y.reduce((sum, value) => sum + value * value, 0) / y.length + 1e-6);
      const gated = times(g, row).map((value, i) => ((y[i]! / scale) * norm[i]!) / (1 + Math.exp(-value)));
      out.push(...times(o, gated));
    }
  }
  return out;
}

describe("LinearAttention", () => {
  beforeAll(() => useBackend("cpu"));

  it.each([1, 4, 11, 64])("blocks of %i tokens give what the recurrence gives", (blockSize) => {
    const layer = create(blockSize);
    tf.tidy(() => {
      const x = tokens();
      const { y } = layer.forward(x, { layer: 0, batch: B, start: 0, context: {} });
      expect(maxDifference(y.dataSync(), byRecurrence(layer, x.arraySync()))).toBeLessThan(5e-6);
    });
    disposeParameters(layer);
  });

  it("a cache carries the state from call to call, one tensor of it", () => {
    const layer = create(4);
    const cache = new KeyValueCache();
    const x = tf.tidy(() => tf.slice(tokens(), [0, 0], [S, D]));
    const full = tf.tidy(() => layer.forward(x, { layer: 7, batch: 1, start: 0, context: {} }).y);
    const before = tf.memory().numTensors;
    const pieces = [[0, 3], [3, 1], [4, 6], [10, 1]].flatMap(([start, count]) =>
      tf.tidy(() => [...layer.forward(tf.slice(x, [start!, 0], [count!, D]), { layer: 7, batch: 1, start: start!, cache, context: {} }).y.dataSync()]),
    );
    expect(maxDifference(pieces, full.dataSync())).toBeLessThan(1e-5);
    expect(cache.state(7)!.shape).toEqual([1, H, d, d]);
    expect(tf.memory().numTensors).toBe(before + 1);
    cache.dispose();
    expect(tf.memory().numTensors).toBe(before);
    disposeParameters(layer);
    tf.dispose([x, full]);
  });

  it("decays are not trained", () => {
    const layer = create(4);
    const frozen = Object.entries(parameters(layer)).filter(([, { trainable }]) => !trainable);
    expect(frozen.map(([path]) => path)).toEqual(["decay.slopeRate", "decay.queryDecay", "decay.keyDecay", "decay.diagonalDecay"]);
    disposeParameters(layer);
  });
});

describe("Decay", () => {
  it("halves per token at a slope of ln 2", () => {
    const decay = new Decay([Math.LN2], 4);
    tf.tidy(() => {
      const close = (x: tf.Tensor, want: number[]) => expect(maxDifference(x.dataSync(), want)).toBeLessThan(1e-7);
      close(decay.ofQueries(3), [1 / 2, 1 / 4, 1 / 8]);
      close(decay.ofKeys(3), [1 / 4, 1 / 2, 1]);
      close(decay.within(3), [1, 0, 0, 1 / 2, 1, 0, 1 / 4, 1 / 2, 1]);
      close(decay.across(3), [1 / 8]);
    });
    disposeParameters(decay);
  });
});
