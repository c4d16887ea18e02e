import { fixedRouter, PLAIN_BACKENDS, tokenChoice, useBackend } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { tidy } from "../tidy.js";
import type { ExpertBank, TokenChoice } from "../types.js";
import { applyCapacity, capacity, type CapacityPriority } from "./capacity.js";
import { MoeLayer } from "./moe-layer.js";

const identity: ExpertBank = { numExperts: 2, forward: (x) => x };
const ids = (routing: TokenChoice) => routing.expertIds.arraySync();

/** Standard balancing, check 5: T = 8, E = 2, k = 1, all tokens to expert 0; token t has probability 0.55 + 0.05 t, shuffled. */
const CONFIDENCE = [0.7, 0.55, 0.9, 0.6, 0.85, 0.65, 0.8, 0.75];
const allToFirst = () => tokenChoice(CONFIDENCE.map(() => [0]), CONFIDENCE.map((p) => [p]), 2, CONFIDENCE.map((p) => [p, 1 - p]));

describe("capacity", () => {
  it("is ceil(factor * topK * tokens / experts)", () => {
    expect(capacity({ numTokens: 8, numExperts: 2, topK: 1, factor: 1 })).toBe(4);
    expect(capacity({ numTokens: 100, numExperts: 8, topK: 2, factor: 1.25 })).toBe(32); // 31.25
    expect(capacity({ numTokens: 0, numExperts: 8, topK: 2, factor: 1 })).toBe(0);
  });

  it("refuses a factor that leaves no slot", () => {
    expect(() => capacity({ numTokens: 8, numExperts: 2, topK: 1, factor: 0 })).toThrow("leaves no slot");
    expect(() => capacity({ numTokens: 8, numExperts: 2, topK: 1, factor: NaN })).toThrow("leaves no slot");
  });
});

describe.each(PLAIN_BACKENDS)("applyCapacity on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("keeps the earliest tokens by position, and the others put out exactly 0", () => {
    const limited = applyCapacity(allToFirst(), 4, "position");
    expect(ids(limited).flat()).toEqual([0, 0, 0, 0, -1, -1, -1, -1]);
    expect(limited.dropped!.arraySync().flat()).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect(limited.chosenIds!.arraySync().flat()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    const { y } = new MoeLayer({ router: fixedRouter(limited), experts: identity }).forward(tf.ones([8, 3]));
    expect([...tf.sum(y, 1).dataSync()].slice(4)).toEqual([0, 0, 0, 0]);
  });

  it("keeps the most confident tokens by probability", () => {
    expect(ids(applyCapacity(allToFirst(), 4, "probs")).flat()).toEqual([-1, -1, 0, -1, 0, -1, 0, 0]);
  });

  it("drops nothing where there is room for all", () => {
    const limited = applyCapacity(allToFirst(), capacity({ numTokens: 8, numExperts: 2, topK: 1, factor: 2 }), "position");
    expect(ids(limited).flat()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("lets all first choices go before second ones where asked to", () => {
    // Expert 1 has one slot: token 0 wants it second, token 1 first.
    const routing = tokenChoice([[0, 1], [1, 0]], [[0.6, 0.4], [0.7, 0.3]], 2);
    expect(ids(applyCapacity(routing, 1, "position"))).toEqual([[0, 1], [-1, -1]]);
    expect(ids(applyCapacity(routing, 1, "first-choice"))).toEqual([[0, -1], [1, -1]]);
  });

  it("breaks ties of probability in favour of the earlier token", () => {
    const routing = tokenChoice([[0], [0], [0]], [[1], [1], [1]], 2, [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]);
    expect(ids(applyCapacity(routing, 2, "probs")).flat()).toEqual([0, 0, -1]);
  });

  it("takes a capacity for each expert, 0 included", () => {
    const routing = tokenChoice([[0], [1], [0], [1]], [[1], [1], [1], [1]], 2);
    expect(ids(applyCapacity(routing, [2, 0], "position")).flat()).toEqual([0, -1, 0, -1]);
  });

  it("gives padding no slot and does not count it as dropped", () => {
    const limited = applyCapacity(allToFirst(), 4, "position", tf.tensor1d([0, 0, 1, 1, 1, 1, 1, 0]));
    expect(ids(limited).flat()).toEqual([-1, -1, 0, 0, 0, 0, -1, -1]);
    expect(limited.dropped!.arraySync().flat()).toEqual([0, 0, 0, 0, 0, 0, 1, 0]);
  });

  it("passes the gradient of the gates that stay, and leaves those gates as they are", () => {
    const routing = allToFirst();
    const kept = (gates: tf.Tensor) => applyCapacity({ ...routing, gates: gates as Tensor2D }, 3, "probs").gates;
    expect([...kept(routing.gates).dataSync()].map((g) => +g.toFixed(6))).toEqual([0, 0, 0.9, 0, 0.85, 0, 0.8, 0]);
    expect([...tf.grad((gates) => tf.sum(kept(gates)))(routing.gates).dataSync()]).toEqual([0, 0, 1, 0, 1, 0, 1, 0]);
  });

  it("leaves no tensors behind but what it returns", () => {
    const routing = allToFirst();
    const before = tf.memory().numTensors;
    applyCapacity(routing, 3, "probs");
    expect(tf.memory().numTensors - before).toBe(4); // expertIds, gates, dropped, chosenIds
  });
});

it.each<CapacityPriority>(["position", "first-choice", "probs"])("fills every expert up to its capacity and never beyond (%s)", async (priority) => {
  await useBackend("cpu");
  const choices = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 4 }), { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(choices, fc.integer({ min: 0, max: 8 }), (chosen, slots) =>
      tidy(() => {
        const limited = applyCapacity(tokenChoice(chosen, chosen.map(() => [1, 1, 1]), 5), slots, priority);
        const count = (table: number[][], expert: number) => table.flat().filter((id) => id === expert).length;
        for (let e = 0; e < 5; e++) expect(count(ids(limited), e)).toBe(Math.min(slots, count(chosen, e)));
      }),
    ),
    { numRuns: 60, seed: 1 },
  );
});
