import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { constantVariable, randomNormal, randomTruncatedNormal, randomUniform, threefry, weightVariable } from "./random.js";

const key = { seed: 7, stream: "test" };
const moments = (values: Float32Array) => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, std: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) };
};

describe("threefry", () => {
  it.each([
    // Known answers of Random123 1.09, kat_vectors, threefry2x32 with 20 rounds.
    [[0, 0, 0, 0], [0x6b200159, 0x99ba4efe]],
    [[0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0x1cb996fc, 0xbb002be7]],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xc4923a9c, 0x483df7a0]],
  ] as const)("turns counter and key %j into the published words", ([c0, c1, k0, k1], words) => {
    expect(threefry(c0, c1, k0, k1)).toEqual(words);
  });
});

describe("random numbers", () => {
  it("are a function of seed, stream and index alone", () => {
    expect(randomNormal(5, key)).toEqual(randomNormal(5, { seed: 7, stream: "test" }));
    expect(randomNormal(8, key).subarray(0, 5)).toEqual(randomNormal(5, key));
    expect(randomNormal(5, { ...key, seed: 8 })).not.toEqual(randomNormal(5, key));
    expect(randomNormal(5, { ...key, stream: "other" })).not.toEqual(randomNormal(5, key));
  });

  it("have the moments of their distributions", () => {
    // 20000 draws: standard error of the mean is std / 141, of the standard deviation std / 200; allow four of them.
    const uniform = randomUniform(20_000, key, -1, 3);
    expect(moments(uniform).mean).toBeCloseTo(1, 1);
    expect(Math.abs(moments(uniform).std - 4 / Math.sqrt(12))).toBeLessThan(0.03);
    const normal = moments(randomNormal(20_000, key, 2, 0.5));
    expect(Math.abs(normal.mean - 2)).toBeLessThan(0.015);
    expect(Math.abs(normal.std - 0.5)).toBeLessThan(0.01);
  });

  it("stay inside their range", () => {
    const uniform = randomUniform(20_000, key);
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniform)).toBeLessThan(1);
    // A third of all normal numbers lies beyond one standard deviation, so a cut at 1 shows.
    const cut = randomTruncatedNormal(20_000, key, 0.02, 1);
    expect(Math.max(...cut.map(Math.abs))).toBeLessThanOrEqual(Math.fround(0.02));
    // Standard deviation of a normal cut at 1: sqrt(1 - 2 phi(1) / (2 Phi(1) - 1)) = 0.53956.
    expect(Math.abs(moments(cut).std / 0.02 - 0.53956)).toBeLessThan(0.01);
  });

  it("differ between neighbouring streams", () => {
    const [a, b] = [0, 1].map((stream) => randomNormal(20_000, { seed: 0, stream }));
    const correlation = a!.reduce((sum, value, i) => sum + value * b![i]!, 0) / 20_000;
    expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(20_000));
  });
});

describe("variables", () => {
  it("start with the asked values and leave no other tensor", () => {
    const before = tf.memory().numTensors;
    const weight = weightVariable([50, 20], { ...key, std: 0.1 });
    const ones = constantVariable([3], 1);
    expect(tf.memory().numTensors - before).toBe(2);
    expect([weight.trainable, ...weight.shape]).toEqual([true, 50, 20]);
    expect(weight.dataSync()).toEqual(randomTruncatedNormal(1000, key, 0.1));
    expect([...ones.dataSync()]).toEqual([1, 1, 1]);
    tf.dispose([weight, ones]);
  });
});
