/** Promises that every router keeps. */
import * as tf from "@tensorflow/tfjs";
import { parameters, tidy, type RouteContext, type Router, type Routing } from "@moekit/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BiasedTopKRouter, ExpertChoiceRouter, GroupLimitedRouter, JitteredRouter, NoisyTopKRouter, SigmoidRouter, SigmoidTopKRouter, SparseMixerRouter, TopKRouter, TopPRouter } from "./index.js";
import { allClose, BACKENDS, REMOTE, useBackend } from "./testing/routers.js";

const gate = { dim: 5, numExperts: 8, seed: 3, std: 1 };
const routers: Record<string, () => Router> = {
  "top-k": () => new TopKRouter({ ...gate, topK: 3 }),
  "top-k renormalised, with bias": () => new TopKRouter({ ...gate, topK: 3, renormalise: true, bias: true }),
  sigmoid: () => new SigmoidRouter({ ...gate, topK: 2, numGroups: 4, topKGroups: 2, routedScalingFactor: 2.5 }),
  "top-k with selection bias": () => new BiasedTopKRouter({ ...gate, topK: 3 }),
  "group-limited": () => new GroupLimitedRouter({ ...gate, topK: 3, numGroups: 4, topKGroups: 2 }),
  "sigmoid top-k": () => new SigmoidTopKRouter({ ...gate, topK: 2 }),
  "sparse mixer": () => new SparseMixerRouter({ ...gate, eps: 0.3 }),
  "noisy top-k": () => new NoisyTopKRouter({ ...gate, topK: 2 }),
  "noisy top-k with fixed noise": () => new NoisyTopKRouter({ ...gate, topK: 2, noiseStd: 1 / 8 }),
  "expert choice": () => new ExpertChoiceRouter(gate),
  "top-p": () => new TopPRouter({ ...gate, topP: 0.7 }),
  jittered: () => new JitteredRouter(new TopKRouter(gate)),
};
const TRAINING: RouteContext = { training: true, seed: 5, layer: 1 };
const input = () => tf.randomNormal<tf.Rank.R2>([6, 5], 0, 1, "float32", 7);

/** The choice as a matrix `[T, E]` of gates, whoever chose. */
function dense(routing: Routing): number[] {
  const [numTokens, numExperts] = routing.logits.shape;
  const matrix = new Array<number>(numTokens * numExperts).fill(0);
  const table = routing.kind === "token-choice" ? routing.expertIds.arraySync() : routing.kind === "expert-choice" ? routing.tokenIds.arraySync() : [];
  const gates = routing.gates.arraySync();
  table.forEach((row, i) => row.forEach((id, j) => id >= 0 && (matrix[routing.kind === "token-choice" ? i * numExperts + id : id * numExperts + i]! += gates[i]![j]!)));
  return matrix;
}

describe.each(BACKENDS)("on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  describe.each(Object.entries(routers))("%s", (_, create) => {
    it("gives a whole decision: shapes, ids in range, no expert twice, gates of 0 in empty slots", () => {
      const routing = create().route(input(), TRAINING);
      expect(routing.numExperts).toBe(8);
      expect([routing.logits.shape, routing.probs.shape]).toEqual([[6, 8], [6, 8]]);
      allClose(tf.sum(routing.probs, 1).dataSync(), new Float32Array(6).fill(1));
      if (routing.kind === "dense-mix") throw new Error("no router of this package mixes densely");
      const table = routing.kind === "token-choice" ? routing.expertIds : routing.tokenIds;
      expect([table.dtype, table.shape]).toEqual(["int32", routing.gates.shape]);
      const gates = routing.gates.arraySync();
      table.arraySync().forEach((row, i) => {
        const real = row.filter((id) => id !== -1);
        expect(new Set(real).size).toBe(real.length);
        for (const id of real) expect(id >= 0 && id < (routing.kind === "token-choice" ? 8 : 6)).toBe(true);
        row.forEach((id, k) => expect(gates[i]![k]! > 0).toBe(id !== -1));
      });
    });

    it("is a pure function: the same call gives the same decision", () => {
      const router = create();
      const x = input();
      expect(dense(router.route(x, TRAINING))).toEqual(dense(router.route(x, TRAINING)));
    });

    it("permuting tokens permutes the decision", () => {
      const router = create();
      const x = input();
      const order = [3, 0, 5, 1, 4, 2];
      const want = dense(router.route(x));
      const got = dense(router.route(tf.gather(x, tf.tensor1d(order, "int32")) as tf.Tensor2D));
      order.forEach((from, to) => allClose(got.slice(to * 8, to * 8 + 8), want.slice(from * 8, from * 8 + 8)));
    });

    it("gates carry a gradient to every trainable weight, and nothing leaks", () => {
      const router = create();
      const x = input();
      const mix = tf.randomNormal([6, 8], 0, 1, "float32", 9);
      const before = tf.memory().numTensors;
      const loss = () =>
        tf.tidy(() => {
          const { gates } = router.route(x, TRAINING);
          return tf.sum(tf.mul(gates, tf.reshape(tf.slice(tf.reshape(tf.tile(mix, [2, 1]), [-1]), [0], [gates.size]), gates.shape))) as tf.Scalar;
        });
      const trainable = Object.values(parameters(router)).filter((variable) => variable.trainable);
      const { value, grads } = tf.variableGrads(loss, trainable);
      expect(Object.keys(grads).length).toBe(trainable.length);
      for (const gradient of Object.values(grads)) expect(gradient.dataSync().some((slope) => slope !== 0)).toBe(true);
      tf.dispose([value, grads]);
      expect(tf.memory().numTensors).toBe(before);
    });

    it("leaves no tensors behind but those of its routing", () => {
      const router = create();
      const x = input();
      const before = tf.memory().numTensors;
      const routing = router.route(x, TRAINING);
      tf.dispose(routing as unknown as tf.TensorContainer);
      expect(tf.memory().numTensors).toBe(before);
    });

    it("lets a number that is not one show: no token with NaN loses its slots in silence, nor do other tokens mind", () => {
      const router = create();
      const spoilt = tf.tensor2d(input().arraySync().map((row, t) => (t === 2 ? row.with(1, NaN) : row)));
      const routing = router.route(spoilt);
      expect([...tf.slice(routing.probs, [2, 0], [1, 8]).dataSync()].some(Number.isNaN)).toBe(true);
      if (routing.kind !== "token-choice") return;
      expect(routing.gates.arraySync()[2]!.some(Number.isNaN)).toBe(true);
      for (const id of routing.expertIds.dataSync()) expect(id >= -1 && id < 8).toBe(true);
      const [got, want] = [dense(routing), dense(router.route(input()))];
      for (const t of [0, 1, 3, 4, 5]) allClose(got.slice(t * 8, t * 8 + 8), want.slice(t * 8, t * 8 + 8));
    });

    it("takes an empty batch", () => {
      const { gates, logits } = create().route(tf.zeros([0, 5]), TRAINING);
      expect([gates.size, logits.shape]).toEqual([0, [0, 8]]);
    });

    it("takes a batch of one token", () => {
      const { gates, kind } = create().route(tf.ones([1, 5]), TRAINING);
      expect(gates.shape[kind === "expert-choice" ? 1 : 0]).toBe(1);
    });

    it("names the router, what it wants and what it got when the input has another width", () => {
      expect(() => tidy(() => create().route(tf.zeros([2, 4])))).toThrow(/Router: x must be float32 \[T, D\] = \[any, 5\]; got float32 \[2, 4\]/);
    });
  });
});

describe("on a machine that cannot read synchronously", () => {
  beforeEach(() => useBackend(REMOTE));
  afterEach(() => vi.restoreAllMocks());

  it.each(Object.entries(routers))("%s reads nothing back, forward or backward, masked or not", (_, create) => {
    const router = create();
    const trainable = Object.values(parameters(router)).filter((variable) => variable.trainable);
    const reads = [vi.spyOn(tf.engine(), "readSync"), vi.spyOn(tf.engine(), "read")];
    const slopes = [undefined, tf.tensor1d([1, 1, 0, 1, 1, 0])].map((valid) => {
      const context = { ...TRAINING, valid, overrides: { scoreBias: tf.ones([8]) } };
      return tf.variableGrads(() => tf.sum(tf.square(router.route(input(), context).gates)), trainable).grads[trainable[0]!.name]!;
    });
    expect(reads.map((read) => read.mock.calls.length)).toEqual([0, 0]);
    for (const slope of slopes) expect(slope.dataSync().some((value) => value !== 0)).toBe(true);
    expect(reads[0]!.mock.calls.length).toBe(2); // the spy does see reads
  });
});
