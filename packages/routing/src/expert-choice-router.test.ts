import * as tf from "@tensorflow/tfjs";
import { tidy } from "@moekit/core";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { ExpertChoiceRouter, type ExpertChoiceRouterOptions } from "./expert-choice-router.js";
import { allClose, BACKENDS, expectGateGradient, gates, identityGate, logitsOf, softmax64, useBackend } from "./testing/routers.js";

const router = (numExperts: number, options: Partial<ExpertChoiceRouterOptions> = {}) => new ExpertChoiceRouter({ ...identityGate(numExperts), ...options });

/** Four tokens, two experts; C = round(1 * 4 / 2) = 2. */
const PROBS = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]];

describe.each(BACKENDS)("ExpertChoiceRouter on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("gives each expert its C best tokens with their probabilities", () => {
    const routing = router(2, { capacityFactor: 1 }).route(logitsOf(PROBS));
    expect(routing.tokenIds.arraySync()).toEqual([[0, 2], [3, 1]]);
    allClose(gates(routing).flat(), [0.9, 0.7, 0.8, 0.4]);
  });

  it("rounds the capacity, to at least one token and at most all", () => {
    const slots = (numTokens: number, numExperts: number, capacityFactor: number) => router(numExperts, { capacityFactor }).route(tf.zeros([numTokens, numExperts])).gates.shape[1];
    expect([slots(7, 4, 2), slots(5, 4, 2), slots(3, 8, 1), slots(4, 2, 5)]).toEqual([4, 3, 1, 4]); // 3.5, 2.5, 0.375, 10
  });

  it("ties go to the earlier token", () => {
    expect(router(2, { capacityFactor: 1 }).route(tf.zeros([4, 2])).tokenIds.arraySync()).toEqual([[0, 1], [0, 1]]);
  });

  it("a later token can change the choice of an earlier one: it is not causal", () => {
    const before = router(2, { capacityFactor: 1 }).route(logitsOf(PROBS)).tokenIds.arraySync();
    const after = router(2, { capacityFactor: 1 }).route(logitsOf([...PROBS.slice(0, 3), [0.95, 0.05]])).tokenIds.arraySync();
    expect(before[0]).toContain(2);
    expect(after[0]).not.toContain(2);
  });

  it("never takes padding, and leaves slots empty where real tokens run out", () => {
    const routing = router(2, { capacityFactor: 1 }).route(logitsOf(PROBS), { valid: tf.tensor1d([0, 1, 0, 0]) });
    expect(routing.tokenIds.arraySync()).toEqual([[1, -1], [1, -1]]);
    allClose(gates(routing).flat(), [0.6, 0, 0.4, 0]);
  });

  it("gates and their gradient agree with a float64 loop", () => {
    const logits = PROBS.map((row) => row.map(Math.log));
    const reference = (x: number[][]) => {
      const p = x.map(softmax64);
      return 0.7 * p[0]![0]! - 1.3 * p[2]![0]! + 0.4 * p[3]![1]! + 0.9 * p[1]![1]!;
    };
    expectGateGradient((x) => router(2, { capacityFactor: 1 }).route(x), [[0.7, -1.3], [0.4, 0.9]], reference, logits);
    // With a mask the gates are gathered another way.
    const valid = tf.ones([4]) as tf.Tensor1D;
    expectGateGradient((x) => router(2, { capacityFactor: 1 }).route(x, { valid }), [[0.7, -1.3], [0.4, 0.9]], reference, logits);
  });

  it("overrides give another capacity and steer the choice, but cannot force a choice of tokens", () => {
    const route = (overrides: object) => router(2, { capacityFactor: 1 }).route(logitsOf(PROBS), { overrides });
    expect(route({ topK: 2 }).gates.shape).toEqual([2, 4]);
    const scoreBias = tf.tensor2d([[0, 0], [1, 0], [0, 0], [0, 0]]);
    expect(route({ scoreBias }).tokenIds.arraySync()[0]).toEqual([1, 0]);
    expect(() => route({ expertIds: tf.zeros([4, 1], "int32") })).toThrow("experts choose tokens");
  });
});

it("every expert gets exactly C tokens, none twice", async () => {
  await useBackend("cpu");
  const logits = fc.array(fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(logits, (rows) =>
      tidy(() => {
        const slots = Math.min(rows.length, Math.max(1, Math.round(rows.length / 2)));
        for (const taken of router(4).route(tf.tensor2d(rows)).tokenIds.arraySync()) {
          expect(taken.length).toBe(slots);
          expect(new Set(taken).size).toBe(slots);
        }
      }),
    ),
    { numRuns: 60, seed: 1 },
  );
});
