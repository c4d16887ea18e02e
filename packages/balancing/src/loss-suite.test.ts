/** Promises that every balancing loss keeps. */
import * as tf from "@tensorflow/tfjs";
import type { BalancingTerm, LayerRouting, RoutingTrace } from "@moekit/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CountBuffer, lossByName, lossNames } from "./index.js";
import { BACKENDS, closeTo, LOGITS, REMOTE, routed, useBackend, valueOf } from "./testing/layer-routing.js";

/** Counts each trace it is given as the whole optimiser step. */
function buffered(): BalancingTerm {
  const buffer = new CountBuffer();
  const term = lossByName("bufferedGlobalBatchLoss").create({ buffer });
  const loss = (trace: RoutingTrace) => {
    buffer.add(trace);
    const terms = term.loss(trace);
    buffer.reset();
    return terms;
  };
  return { ...term, loss };
}

const losses: Record<string, () => BalancingTerm> = {
  ...Object.fromEntries(lossNames.map((name) => [name, () => lossByName(name).create()])),
  deviceLoss: () => lossByName("deviceLoss").create({ groups: [[0, 1], [2]] }),
  sequenceLoss: () => lossByName("sequenceLoss").create({ numSequences: 2 }),
  bufferedGlobalBatchLoss: buffered,
  "importanceLoss of V-MoE": () => lossByName("importanceLoss").create({ over: "probs", variance: "population" }),
  "loadLoss of V-MoE": () => lossByName("loadLoss").create({ threshold: "all", variance: "population" }),
  "switchLoss by tokens, unbiased": () => lossByName("switchLoss").create({ fNorm: "tokens", countUnbiased: true }),
  "switchLoss of first choices": () => lossByName("switchLoss").create({ fNorm: "top1" }),
};

const NOISE = [[0.3, -0.2, 0.1], [-0.4, 0.6, 0.2], [0.1, 0.1, 0.5], [-0.6, 0.9, 0.3]];
const SEQUENCES = [0, 1, 1, 0];

/** A layer of a noisy top-2 router with all that a loss may want. */
function entryOf(logits: tf.Tensor2D, { order = [0, 1, 2, 3], valid }: { order?: number[]; valid?: number[] } = {}): LayerRouting {
  const pick = <V>(rows: V[]): V[] => order.map((t) => rows[t]!);
  const noisyLogits = tf.add(logits, tf.tensor2d(pick(NOISE), logits.shape)) as tf.Tensor2D;
  const context = { sequenceIds: tf.tensor1d(pick(SEQUENCES), "int32"), valid: valid && tf.tensor1d(valid) };
  return routed(logits, { k: 2, context, routing: { noisyLogits, extra: { noiseStd: tf.fill(logits.shape, 0.7) } } });
}
const total = (term: BalancingTerm, entry: LayerRouting) => tf.addN(term.loss([entry]).map(({ value }) => value)) as tf.Scalar;

describe.each(BACKENDS)("on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  describe.each(Object.entries(losses))("%s", (_, create) => {
    it("is a finite scalar whose gradient reaches the logits", () => {
      const { value, grad } = tf.valueAndGrad((x) => total(create(), entryOf(x as tf.Tensor2D)))(tf.tensor2d(LOGITS));
      expect([value.shape, value.dtype, Number.isFinite(valueOf(value))]).toEqual([[], "float32", true]);
      expect([...grad.dataSync()].every(Number.isFinite)).toBe(true);
      expect(Math.max(...grad.dataSync().map(Math.abs))).toBeGreaterThan(1e-4);
    });

    it("does not mind the order of tokens", () => {
      const order = [2, 0, 3, 1];
      closeTo(valueOf(total(create(), entryOf(tf.tensor2d(order.map((t) => LOGITS[t]!)), { order }))), valueOf(total(create(), entryOf(tf.tensor2d(LOGITS)))), 1e-6);
    });

    it("gives padding no gradient", () => {
      const slopes = tf.grad((x) => total(create(), entryOf(x as tf.Tensor2D, { valid: [1, 0, 1, 1] })))(tf.tensor2d(LOGITS)).arraySync() as number[][];
      expect(slopes[1]).toEqual([0, 0, 0].map((zero) => expect.closeTo(zero, 20)));
      expect(slopes.flat().some((slope) => Math.abs(slope) > 1e-4)).toBe(true);
    });

    it("stays finite for a batch of padding only, and for none", () => {
      const { value, grad } = tf.valueAndGrad((x) => total(create(), entryOf(x as tf.Tensor2D, { valid: [0, 0, 0, 0] })))(tf.tensor2d(LOGITS));
      expect([...value.dataSync(), ...grad.dataSync()].map(Math.abs)).toEqual(new Array(13).fill(0));
      expect(valueOf(total(create(), entryOf(tf.zeros([0, 3]), { order: [] })))).toBe(0);
    });

    it("shows a NaN in the logits", () => {
      const logits = LOGITS.map((row, t) => (t === 1 ? [NaN, row[1]!, row[2]!] : row));
      expect(valueOf(total(create(), entryOf(tf.tensor2d(logits))))).toBeNaN();
    });

    it("leaves no tensors behind, forward and backward", () => {
      const x = tf.tensor2d(LOGITS);
      const before = tf.memory().numTensors;
      const { value, grad } = tf.valueAndGrad((logits) => total(create(), entryOf(logits as tf.Tensor2D)))(x);
      tf.dispose([value, grad]);
      expect(tf.memory().numTensors).toBe(before);
    });
  });
});

describe("on a machine that cannot read synchronously", () => {
  beforeEach(() => useBackend(REMOTE));
  afterEach(() => vi.restoreAllMocks());

  it.each(Object.entries(losses))("%s reads nothing back, forward or backward", (_, create) => {
    const reads = [vi.spyOn(tf.engine(), "readSync"), vi.spyOn(tf.engine(), "read")];
    const slopes = tf.grad((x) => total(create(), entryOf(x as tf.Tensor2D, { valid: [1, 0, 1, 1] })))(tf.tensor2d(LOGITS));
    expect(reads.map((read) => read.mock.calls.length)).toEqual([0, 0]);
    expect(slopes.dataSync().some((slope) => Math.abs(slope) > 1e-4)).toBe(true);
    expect(reads[0]!.mock.calls.length).toBe(1); // the spy does see reads
  });
});
