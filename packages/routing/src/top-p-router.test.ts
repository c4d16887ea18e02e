import * as tf from "@tensorflow/tfjs";
import { tidy, type RouteContext } from "@moekit/core";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { allClose, BACKENDS, expectGateGradient, gates, identityGate, ids, logitsOf, REMOTE, softmax64, sum, useBackend } from "./testing/routers.js";
import { TopPRouter, type TopPRouterOptions } from "./top-p-router.js";

/** Dynamic top-p, check 1. */
const PROBS = [[0.5, 0.2, 0.15, 0.15], [0.3, 0.25, 0.25, 0.2], [0.9, 0.05, 0.03, 0.02]];
const router = (topP: number, options: Partial<TopPRouterOptions> = {}) => new TopPRouter({ ...identityGate(options.numExperts ?? 4), topP, ...options });
const route = (topP: number, context: RouteContext = {}, options: Partial<TopPRouterOptions> = {}) => router(topP, options).route(logitsOf(PROBS), context);
const numbers = (routing: ReturnType<typeof route>) => [...routing.extra!.expertsPerToken!.dataSync()];
const gateSums = (routing: ReturnType<typeof route>) => gates(routing).map(sum);

describe.each(BACKENDS)("TopPRouter on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("takes experts up to and including the one that reaches p, and does not renormalise", () => {
    const low = route(0.4001);
    expect(numbers(low)).toEqual([1, 2, 1]);
    allClose(gateSums(low), [0.5, 0.55, 0.9]);
    const high = route(0.7999);
    expect(numbers(high)).toEqual([3, 3, 1]);
    allClose(gateSums(high), [0.85, 0.8, 0.9]);
    expect(ids(high)[0]!.slice(0, 3)).toEqual([0, 1, 2]);
  });

  it("takes all experts for p = 1 and one, with its own probability, for p near 0", () => {
    expect(numbers(router(1).route(tf.zeros([2, 4])))).toEqual([4, 4]);
    const least = route(1e-6);
    expect(numbers(least)).toEqual([1, 1, 1]);
    allClose(gateSums(least), [0.5, 0.3, 0.9]);
  });

  it("takes 7 of 16 equal experts for p = 0.4", () => {
    // 6 / 16 = .375 < .4 <= 7 / 16
    expect(numbers(router(0.4, { numExperts: 16 }).route(tf.zeros([3, 16])))).toEqual([7, 7, 7]);
  });

  it("keeps within its bounds", () => {
    expect(numbers(route(0.99, {}, { maxExperts: 2 }))).toEqual([2, 2, 2]);
    expect(numbers(route(0.01, {}, { minExperts: 3 }))).toEqual([3, 3, 3]);
  });

  it("permuting experts permutes the choice", () => {
    const order = [2, 0, 3, 1];
    const permuted = router(0.4001).route(logitsOf(PROBS.map((row) => order.map((e) => row[e]!))));
    expect(numbers(permuted)).toEqual([1, 2, 1]);
    expect(order[ids(permuted)[0]![0]!]).toBe(0);
  });

  it("gates and their gradient agree with a float64 loop; logits of experts not chosen get one, by the softmax", () => {
    const weights = backend === REMOTE ? [[0.7, -1.3, 0, 0], [0.4, 0.9, 0, 0], [1, 1, 0, 0]] : [[0.7, -1.3], [0.4, 0.9], [1, 1]];
    const reference = (x: number[][]) => {
      const p = x.map(softmax64);
      return 0.7 * p[0]![0]! + 0.4 * p[1]![0]! + 0.9 * p[1]![1]! + p[2]![0]!;
    };
    expectGateGradient((x) => router(0.4001).route(x), weights, reference, PROBS.map((row) => row.map(Math.log)));
    const slopes = tf.grad((x) => tf.sum(router(0.4001).route(x as tf.Tensor2D).gates))(logitsOf(PROBS)).dataSync();
    expect(slopes[3]).toBeLessThan(-0.01); // expert 3 of token 0 is not chosen
  });

  it("gives padding nothing", () => {
    const routing = route(0.7999, { valid: tf.tensor1d([1, 0, 1]) });
    expect(numbers(routing)).toEqual([3, 0, 1]);
    expect([ids(routing)[1]!.every((id) => id === -1), sum(gates(routing)[1]!)]).toEqual([true, 0]);
  });

  it("has as many slots as needed where it can look, else as many as allowed", () => {
    expect(route(0.4001).expertIds.shape).toEqual([3, backend === REMOTE ? 4 : 2]);
  });

  it("overrides give another p, another bound, or a forced choice", () => {
    expect(numbers(route(0.4001, { overrides: { topP: 0.7999 } }))).toEqual([3, 3, 1]);
    expect(numbers(route(0.7999, { overrides: { topK: 2 } }))).toEqual([2, 2, 1]);
    const forced = route(0.4001, { overrides: { expertIds: tf.tensor2d([[3, 1], [0, -1], [2, 1]], [3, 2], "int32") } });
    allClose(gates(forced).flat(), [0.15, 0.2, 0.3, 0, 0.03, 0.05]);
  });
});

describe("TopPRouter", () => {
  beforeEach(() => useBackend("cpu"));

  it("refuses a p or bounds out of range", () => {
    expect(() => router(0)).toThrow("topP must be above 0 and at most 1; got 0");
    expect(() => router(1.1)).toThrow("got 1.1");
    expect(() => route(0.4, { overrides: { topP: NaN } })).toThrow("got NaN");
    expect(() => router(0.4, { minExperts: 3, maxExperts: 2 })).toThrow("minExperts must be a whole number from 1 to 2; got 3");
  });

  it("never uses fewer experts for a larger p, and reaches p with as few as possible", () => {
    const logits = fc.array(fc.double({ min: -4, max: 4, noNaN: true }), { minLength: 6, maxLength: 6 });
    const p = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(logits, p, p, (row, a, b) =>
        tidy(() => {
          const used = (topP: number) => router(topP, { numExperts: 6 }).route(tf.tensor2d([row])).extra!.expertsPerToken!.dataSync()[0]!;
          expect(used(Math.min(a, b))).toBeLessThanOrEqual(used(Math.max(a, b)));
          const sorted = softmax64(row).sort((x, y) => y - x);
          const reached = sum(sorted.slice(0, used(a)));
          expect(reached).toBeGreaterThan(a - 1e-6);
          expect(reached - sorted[used(a) - 1]!).toBeLessThan(a + 1e-6);
        }),
      ),
      { numRuns: 60, seed: 1 },
    );
  });
});
