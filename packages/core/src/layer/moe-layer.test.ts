import { buildMoeLayer, fixedRouter, largestDifference, MOE_SIZES, normal, PLAIN_BACKENDS, ROUTING_KINDS, TinyRouter, tokenChoice, useBackend } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { StackedExperts } from "../experts/index.js";
import { disposeParameters } from "../parameters.js";
import type { DispatchPlan, ExpertBank } from "../types.js";
import { MoeLayer } from "./index.js";

const identity = (numExperts: number): ExpertBank => ({ numExperts, forward: (x) => x });

describe.each(PLAIN_BACKENDS)("MoeLayer on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("gives back its input when the experts do nothing and gates sum to 1", () => {
    const x = normal(5, 3);
    const routing = tokenChoice([[0, 1], [2, 0], [1, 2], [0, 2], [2, 1]], [[0.5, 0.5], [0.25, 0.75], [1, 0], [0.625, 0.375], [0, 1]], 3);
    const { y } = new MoeLayer({ router: fixedRouter(routing), experts: identity(3) }).forward(x);
    expect(largestDifference(y.dataSync(), x.dataSync())).toBeLessThan(1e-6);
  });

  it.each(ROUTING_KINDS)("permuting tokens permutes the output (%s)", (kind) => {
    const layer = buildMoeLayer(kind);
    const x = normal(MOE_SIZES.numTokens, MOE_SIZES.dim);
    const order = tf.tensor1d([3, 6, 0, 5, 1, 4, 2], "int32");
    const permuted = layer.forward(tf.gather(x, order) as Tensor2D).y;
    const wanted = tf.gather(layer.forward(x).y, order);
    expect(largestDifference(permuted.dataSync(), wanted.dataSync())).toBeLessThan(1e-6);
    disposeParameters(layer);
  });

  it("gives unselected experts a gradient of exactly zero", () => {
    const experts = new StackedExperts({ numExperts: 3, dim: 4, hidden: 2, seed: 1, bias: true });
    const layer = new MoeLayer({ router: fixedRouter(tokenChoice([[2], [0], [2]], [[1], [1], [1]], 3)), experts });
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(tf.add(layer.forward(normal(3, 4)).y, 1))));
    for (const grad of Object.values(grads)) {
      const [first, second, third] = tf.unstack(tf.sum(tf.abs(tf.reshape(grad, [3, -1])), 1)).map((t) => t.dataSync()[0]!);
      expect([first! > 0, second, third! > 0]).toEqual([true, 0, true]);
    }
    disposeParameters(layer);
  });

  it("takes no tokens, and one", () => {
    const layer = buildMoeLayer("token-choice");
    expect(layer.forward(tf.zeros([0, MOE_SIZES.dim])).y.shape).toEqual([0, MOE_SIZES.dim]);
    expect(layer.forward(normal(1, MOE_SIZES.dim)).y.shape).toEqual([1, MOE_SIZES.dim]);
    disposeParameters(layer);
  });
});

describe("MoeLayer", () => {
  beforeEach(() => useBackend("cpu"));

  it("uses the capacity factor of training only in training", () => {
    // 4 tokens all to expert 0 of 2: ceil(0.5 * 4 / 2) = 1 slot in training, ceil(1 * 4 / 2) = 2 otherwise.
    const routing = tokenChoice([[0], [0], [0], [0]], [[1], [1], [1], [1]], 2);
    const layer = new MoeLayer({ router: fixedRouter(routing), experts: identity(2), capacity: { factor: 0.5, evalFactor: 1 } });
    const ones = tf.ones([4, 1]) as Tensor2D;
    expect([...layer.forward(ones, { training: true }).y.dataSync()]).toEqual([1, 0, 0, 0]);
    expect([...layer.forward(ones).y.dataSync()]).toEqual([1, 1, 0, 0]);
  });

  it("hands the bank one plan with rows grouped by expert", () => {
    const seen: DispatchPlan[] = [];
    const spy: ExpertBank = { numExperts: 3, forward: (x, plan) => (seen.push(plan), tf.keep(plan.offsets), x) };
    new MoeLayer({ router: fixedRouter(tokenChoice([[2, 0], [0, -1]], [[1, 1], [1, 0]], 3)), experts: spy }).forward(tf.ones([2, 1]));
    expect([...seen[0]!.offsets.dataSync()]).toEqual([0, 2, 2, 3]);
  });

  it("refuses a bank of another size than the router's", () => {
    expect(() => new MoeLayer({ router: fixedRouter(tokenChoice([[0]], [[1]], 3)), experts: identity(2) })).toThrow("MoeLayer: the bank must have 3 experts");
  });

  it("refuses capacity where tokens do not choose", () => {
    const layer = new MoeLayer({ router: new TinyRouter("dense-mix", 2, 1, 1), experts: identity(2), capacity: { factor: 1 } });
    expect(() => layer.forward(tf.ones([2, 1]))).toThrow("capacity applies to token choice; this router decides by dense-mix");
  });

  it("refuses an input that is not a matrix", () => {
    expect(() => buildMoeLayer("token-choice").forward(tf.ones([2, 3, 4]) as never)).toThrow("MoeLayer: x must be [T, D]; got [2, 3, 4]");
  });
});
