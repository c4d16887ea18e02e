import * as tf from "@tensorflow/tfjs";
import { parameters, randomNormal } from "@moekit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { NoisyTopKRouter } from "./noisy-top-k-router.js";
import { allClose, BACKENDS, expectGateGradient, gates, identityGate, ids, softmax64, useBackend } from "./testing/routers.js";

const LOGITS = [[1.2, 0.3, -0.5, 0.9], [0, 0.4, 0.2, 0.1]];
const TRAINING = { training: true, seed: 7, layer: 2 };
const router = (noiseStd?: number) => new NoisyTopKRouter({ ...identityGate(4), topK: 2, noiseStd });

describe.each(BACKENDS)("NoisyTopKRouter on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("outside training is the softmax over the largest clean logits, without noise in its routing", () => {
    const routing = router().route(tf.tensor2d(LOGITS), { seed: 7 });
    expect(ids(routing)).toEqual([[0, 3], [1, 2]]);
    allClose(gates(routing)[0]!, softmax64([1.2, 0.9]));
    expect([routing.noisyLogits, routing.extra]).toEqual([undefined, undefined]);
  });

  it("in training chooses and weighs by the noisy logits, and keeps the clean ones", () => {
    const routing = router().route(tf.tensor2d(LOGITS), TRAINING);
    const noisy = routing.noisyLogits!.arraySync();
    allClose(routing.logits.dataSync(), LOGITS.flat());
    allClose(routing.probs.dataSync(), LOGITS.flatMap(softmax64));
    ids(routing).forEach((row, t) => {
      expect(row).toEqual([0, 1, 2, 3].sort((a, b) => noisy[t]![b]! - noisy[t]![a]!).slice(0, 2));
      allClose(gates(routing)[t]!, softmax64(row.map((e) => noisy[t]![e]!)));
    });
  });

  it("starts with a noise of softplus(0) + 0.01, learned by its own weight", () => {
    const made = router();
    allClose(made.route(tf.tensor2d(LOGITS), TRAINING).extra!.noiseStd!.dataSync(), new Float32Array(8).fill(Math.log(2) + 0.01));
    tf.tidy(() => made.noiseWeight!.assign(tf.eye(4)));
    allClose(made.route(tf.tensor2d(LOGITS), TRAINING).extra!.noiseStd!.dataSync(), LOGITS.flat().map((x) => Math.log(1 + Math.exp(x)) + 0.01));
  });

  it("with a fixed noise has that one and nothing to learn it", () => {
    const made = router(0.25);
    allClose(made.route(tf.tensor2d(LOGITS), TRAINING).extra!.noiseStd!.dataSync(), new Float32Array(8).fill(0.25));
    expect(Object.keys(parameters(made))).toEqual(["weight"]);
  });

  it("noise is a function of seed and layer, the same on every backend", () => {
    const noise = (context: object) => [...router(1).route(tf.zeros([2, 4]), { ...TRAINING, ...context }).noisyLogits!.dataSync()];
    expect(noise({})).toEqual(noise({}));
    expect(noise({ seed: 8 })).not.toEqual(noise({}));
    expect(noise({ layer: 3 })).not.toEqual(noise({}));
    allClose(noise({}), randomNormal(8, { seed: 7, stream: "noise.2" }));
  });

  it("noise is normal", () => {
    const noise = [...router(1).route(tf.zeros([5000, 4]), TRAINING).noisyLogits!.dataSync()];
    const mean = noise.reduce((a, b) => a + b, 0) / noise.length;
    const variance = noise.reduce((a, b) => a + (b - mean) ** 2, 0) / noise.length;
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(noise.length)); // 4 standard errors
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / noise.length));
  });

  it("gates and their gradient to the clean logits agree with a float64 loop", () => {
    const fixed = router(0.5).route(tf.tensor2d(LOGITS), TRAINING);
    const noise = tf.sub(fixed.noisyLogits!, fixed.logits).arraySync() as number[][];
    const chosen = ids(fixed);
    const weights = [[0.7, -1.3], [0.4, 0.2]];
    const reference = (logits: number[][]) =>
      chosen.reduce((sum, row, t) => sum + softmax64(row.map((e) => logits[t]![e]! + noise[t]![e]!)).reduce((s, g, k) => s + g * weights[t]![k]!, 0), 0);
    expectGateGradient((x) => router(0.5).route(x, TRAINING), weights, reference, LOGITS);
  });

  it("gives the weight of the noise its gradient", () => {
    const made = router();
    const x = tf.tensor2d(LOGITS);
    const routing = made.route(x, TRAINING);
    const noise = tf.div(tf.sub(routing.noisyLogits!, routing.logits), routing.extra!.noiseStd!).arraySync() as number[][];
    const chosen = ids(routing);
    // The first gate of the first token, with weight V = 0 moved in entry (e, 0): std = log(1 + exp(v x0)) + .01
    const first = (v: number, e: number) => softmax64(chosen[0]!.map((id) => LOGITS[0]![id]! + noise[0]![id]! * (Math.log(1 + Math.exp(id === e ? v * LOGITS[0]![0]! : 0)) + 0.01)))[0]!;
    const { grads } = tf.variableGrads(() => tf.squeeze(tf.slice(made.route(x, TRAINING).gates, [0, 0], [1, 1])) as tf.Scalar, [made.noiseWeight!]);
    const got = (grads[made.noiseWeight!.name]!.arraySync() as number[][]).map((row) => row[0]!);
    allClose(got, [0, 1, 2, 3].map((e) => (first(1e-5, e) - first(-1e-5, e)) / 2e-5), 1e-5);
  });

  it("gives empty slots of a forced choice no gate", () => {
    const expertIds = tf.tensor2d([[2, -1], [-1, -1]], [2, 2], "int32");
    expect(gates(router().route(tf.tensor2d(LOGITS), { overrides: { expertIds } }))).toEqual([[1, 0], [0, 0]]);
  });
});

describe("NoisyTopKRouter", () => {
  it("starts all experts equal without a seed, and asks for the seed of the noise", async () => {
    await useBackend("cpu");
    const made = new NoisyTopKRouter({ dim: 3, numExperts: 4 });
    expect([...made.weight.dataSync(), ...made.noiseWeight!.dataSync()].every((w) => w === 0)).toBe(true);
    expect(() => made.route(tf.ones([1, 3]), { training: true })).toThrow("context.seed must be given in training");
    expect(() => new NoisyTopKRouter({ dim: 3, numExperts: 4, noiseStd: 0 })).toThrow("noiseStd must be a number above 0");
  });
});
