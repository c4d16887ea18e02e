import { PLAIN_BACKENDS, tokenChoice, useBackend } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { tidy } from "../tidy.js";
import type { DenseMix, ExpertChoice } from "../types.js";
import { ExpertMap } from "./expert-map.js";
import { LocalDispatcher } from "./local-dispatcher.js";

const base = (numTokens: number, numExperts: number) => ({ numExperts, logits: tf.zeros([numTokens, numExperts]) as tf.Tensor2D, probs: tf.zeros([numTokens, numExperts]) as tf.Tensor2D });
const dispatcher = new LocalDispatcher();

describe.each(PLAIN_BACKENDS)("LocalDispatcher on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("sorts rows by expert, stably, and puts empty slots last", () => {
    const plan = dispatcher.plan(tokenChoice([[1, 0], [-1, 1], [0, 2]], [[1, 1], [0, 1], [1, 1]], 3));
    expect([...plan.order.dataSync()]).toEqual([1, 4, 0, 3, 5, 2]);
    expect([...plan.inverse.dataSync()]).toEqual([2, 0, 5, 3, 1, 4]);
    expect([...plan.offsets.dataSync()]).toEqual([0, 2, 4, 5]);
    const rows = dispatcher.dispatch(tf.tensor2d([[10], [11], [12]]), plan);
    expect([...rows.dataSync()]).toEqual([10, 12, 10, 11, 12, 11]);
  });

  it("brings expert choice back with each gate, tokens chosen twice or never included", () => {
    // Expert 0 takes tokens 2 and 0, expert 1 token 2 alone; nobody takes token 1.
    const gates = tf.tensor2d([[0.5, 0.25], [2, 0]]);
    const routing: ExpertChoice = { ...base(3, 2), kind: "expert-choice", tokenIds: tf.tensor2d([[2, 0], [2, -1]], [2, 2], "int32"), gates };
    const plan = dispatcher.plan(routing);
    expect([...plan.offsets.dataSync()]).toEqual([0, 2, 3]);
    const rows = dispatcher.dispatch(tf.tensor2d([[1], [10], [100]]), plan);
    expect([...rows.dataSync()]).toEqual([100, 1, 100, 0]);
    expect([...dispatcher.combine(rows, plan).dataSync()]).toEqual([0.25, 0, 250]);
    const dGates = tf.grad((g) => tf.sum(dispatcher.combine(rows, { ...plan, gates: g as tf.Tensor2D })))(gates);
    expect([...dGates.dataSync()]).toEqual([100, 1, 100, 0]);
  });

  it("sends every token to every expert in a dense mix", () => {
    const routing: DenseMix = { ...base(2, 3), kind: "dense-mix", gates: tf.tensor2d([[1, 2, 3], [4, 5, 6]]) };
    const plan = dispatcher.plan(routing);
    expect([...plan.offsets.dataSync()]).toEqual([0, 2, 4, 6]);
    const rows = dispatcher.dispatch(tf.tensor2d([[1], [10]]), plan);
    expect([...rows.dataSync()]).toEqual([1, 10, 1, 10, 1, 10]);
    expect([...dispatcher.combine(rows, plan).dataSync()]).toEqual([6, 150]);
  });

  it("groups tied experts into one segment", () => {
    const plan = new LocalDispatcher(new ExpertMap([[1], [0], [1]], 2)).plan(tokenChoice([[0, 1], [2, -1]], [[1, 1], [1, 0]], 3));
    expect([...plan.order.dataSync()]).toEqual([1, 0, 2, 3]);
    expect([...plan.offsets.dataSync()]).toEqual([0, 1, 3]);
  });

  it("gives each copy of an expert its exact share of tokens", () => {
    // Expert 0 has copies 0, 2, 3; expert 1 copies 1, 4. Token t takes copy t mod count.
    const map = new ExpertMap([[0, 2, 3], [1, 4]], 5);
    const ids = tf.tensor2d(Array.from({ length: 6 }, () => [0, 1]), [6, 2], "int32");
    expect(map.toPhysical(ids).arraySync()).toEqual([[0, 1], [2, 4], [3, 1], [0, 4], [2, 1], [3, 4]]);
    expect(map.toPhysical(tf.tensor2d([[-1, 1]], [1, 2], "int32")).arraySync()).toEqual([[-1, 1]]);
  });
});

describe("LocalDispatcher", () => {
  beforeEach(() => useBackend("cpu"));

  it("makes order and inverse undo each other, with ids ascending along the order", () => {
    const slots = fc.array(fc.tuple(fc.integer({ min: -1, max: 5 }), fc.integer({ min: -1, max: 5 })), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(slots, (ids) =>
        tidy(() => {
          const plan = dispatcher.plan(tokenChoice(ids, ids.map(() => [1, 1]), 6));
          const [order, inverse] = [plan.order.dataSync(), plan.inverse.dataSync()];
          const flat = ids.flat().map((id) => (id < 0 ? 6 : id));
          order.forEach((slot, row) => {
            expect(inverse[slot]).toBe(row);
            if (row === 0) return;
            const [before, here] = [flat[order[row - 1]!]!, flat[slot]!];
            expect(before < here || (before === here && order[row - 1]! < slot)).toBe(true);
          });
        }),
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it("refuses maps to experts that do not exist", () => {
    expect(() => new ExpertMap([[0], [2]], 2)).toThrow("ExpertMap: physical experts are 0 to 1; logical expert 1 names 2.");
    expect(() => new ExpertMap([[0], []], 2)).toThrow("logical expert 1 must have at least one physical expert");
  });

  it("says which tensor does not fit the plan", () => {
    const plan = dispatcher.plan(tokenChoice([[0], [1]], [[1], [1]], 2));
    expect(() => dispatcher.dispatch(tf.zeros([3, 4]), plan)).toThrow("dispatch: x must be [T, D] = [2, any]; got [3, 4].");
    expect(() => dispatcher.combine(tf.zeros([3, 4]), plan)).toThrow("combine: rows must be [N, D] = [2, any]; got [3, 4].");
  });
});
