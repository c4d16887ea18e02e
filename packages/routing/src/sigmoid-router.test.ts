import * as tf from "@tensorflow/tfjs";
import { parameters, tidy } from "@moekit/core";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { SigmoidRouter, type SigmoidRouterOptions } from "./sigmoid-router.js";
import { allClose, BACKENDS, expectGateGradient, gates, identityGate, ids, sigmoid64, sum, useBackend } from "./testing/routers.js";

/** MoE transformer zoo, check 1 (R4). */
const LOGITS = [1.2, 0.3, -0.5, 0.9, -1, 0.1, 0.8, -0.2];
const BIAS = [0, 0, 0.1, 0, 0.3, 0.2, -0.1, 0.05];

function router(numExperts: number, bias: number[], options: Partial<SigmoidRouterOptions> = {}): SigmoidRouter {
  const made = new SigmoidRouter({ ...identityGate(numExperts), ...options });
  tf.tidy(() => made.expertBias.assign(tf.tensor1d(bias)));
  return made;
}
const deepseek = (bias = BIAS, options: Partial<SigmoidRouterOptions> = {}) => router(8, bias, { topK: 2, numGroups: 4, topKGroups: 2, routedScalingFactor: 2.5, ...options });
const logit = (p: number) => Math.log(p / (1 - p));

describe.each(BACKENDS)("SigmoidRouter on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("chooses by biased scores within the best groups, and weighs by unbiased ones", () => {
    // c = [.768525, .574443, .477541, .710950, .568941, .724979, .589974, .500166]; groups 1.342967, 1.188490, 1.293921, 1.090140
    const routing = deepseek().route(tf.tensor2d([LOGITS]));
    expect(ids(routing)).toEqual([[0, 5]]); // 3 is better than 5 without bias, but its group is out
    allClose(gates(routing)[0]!, [1.485355, 1.014645]);
    const selection = routing.selectionScores!.arraySync()[0]!;
    allClose([0, 1, 4, 5].map((e) => selection[e]!), [0.768525, 0.574443, 0.568941, 0.724979]);
    for (const e of [2, 3, 6, 7]) expect(selection[e]).toBeLessThan(-1e29);
  });

  it("keeps the bias out of the gates (loss-free balancing, check 2)", () => {
    const routing = router(3, [-0.1, 0, 0.5]).route(tf.tensor2d([[0.8, 0.75, 0.3].map(logit)]));
    expect(ids(routing)).toEqual([[2, 1]]);
    allClose(gates(routing)[0]!, [0.285714, 0.714286]); // with the bias in it: .516129, .483871
  });

  it("does not choose an excluded expert even if all biased scores are negative", () => {
    const routing = deepseek([-2, -2, -2, -2, -2, -2, -2, -2]).route(tf.tensor2d([LOGITS]));
    // Group sums of s: 1.342967, 1.088490, 0.793921, 1.140140: groups 0 and 3
    expect(ids(routing)).toEqual([[0, 6]]);
  });

  it("with all groups allowed, or one group, is the plain choice of the best", () => {
    const x = tf.randomNormal<tf.Rank.R2>([40, 8], 0, 1, "float32", 2);
    const plain = ids(router(8, BIAS, { topK: 3 }).route(x));
    expect(ids(router(8, BIAS, { topK: 3, numGroups: 4, topKGroups: 4 }).route(x))).toEqual(plain);
    expect(ids(router(8, BIAS, { topK: 3, numGroups: 8 }).route(x))).toEqual(plain);
  });

  it("scores a group of one expert by that expert", () => {
    const routing = router(4, [0, 0, 0, 0], { topK: 2, numGroups: 4, topKGroups: 2 }).route(tf.tensor2d([[0, 2, 1, 3]]));
    expect(ids(routing)).toEqual([[3, 1]]);
  });

  it("gives losses the scores divided by their sum, and raw gates where not normalised", () => {
    const routing = router(8, BIAS, { normalise: false, topK: 2 }).route(tf.tensor2d([LOGITS]));
    const scores = LOGITS.map(sigmoid64);
    allClose(routing.probs.dataSync(), scores.map((s) => s / sum(scores)));
    expect(ids(routing)).toEqual([[0, 5]]);
    allClose(gates(routing)[0]!, [scores[0]!, scores[5]!]);
  });

  it("has the gradient of a router without bias and the same choice, and none for the bias", () => {
    const reference = ([logits]: number[][]) => {
      const [a, b] = [sigmoid64(logits![0]!), sigmoid64(logits![5]!)];
      return (2.5 * (0.7 * a - 1.3 * b)) / (a + b);
    };
    expectGateGradient((x) => deepseek().route(x), [[0.7, -1.3]], reference, [LOGITS]);
    const made = deepseek();
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(made.route(tf.tensor2d([LOGITS])).gates)));
    expect(Object.keys(grads)).toEqual([made.weight.name]);
    expect(parameters(made).expertBias!.trainable).toBe(false);
    expect(() => tf.variableGrads(() => tf.sum(made.route(tf.tensor2d([LOGITS])).gates), [made.expertBias])).toThrow();
  });

  it("is the same with a constant added to the bias; with k = E the bias never matters", () => {
    const x = tf.randomNormal<tf.Rank.R2>([40, 8], 0, 1, "float32", 2);
    const made = (bias: number[], topK: number) => router(8, bias, { topK }).route(x);
    expect(ids(made(BIAS.map((b) => b + 0.25), 3))).toEqual(ids(made(BIAS, 3)));
    const all = [made(BIAS, 8), made(new Array<number>(8).fill(0), 8)].map((routing) => {
      const table = routing.gates.arraySync();
      return ids(routing).flatMap((row, t) => row.map((_, e) => table[t]![row.indexOf(e)]!));
    });
    allClose(all[0]!, all[1]!);
  });

  it("adds a score bias of the context to its own", () => {
    const scoreBias = tf.tensor1d([0, 0, 0, 0, 0, -1, 0, 0]);
    expect(ids(deepseek().route(tf.tensor2d([LOGITS]), { overrides: { scoreBias } }))).toEqual([[0, 1]]);
  });
});

describe("SigmoidRouter", () => {
  beforeEach(() => useBackend("cpu"));

  it("refuses groups that do not divide the experts or do not hold k of them", () => {
    const create = (options: object) => () => new SigmoidRouter({ dim: 2, numExperts: 8, seed: 1, ...options });
    expect(create({ numGroups: 3 })).toThrow("numExperts must be a multiple of numGroups; got 8 and 3");
    expect(create({ numGroups: 4, topKGroups: 5 })).toThrow("topKGroups must be a whole number from 1 to 4; got 5");
    expect(create({ numGroups: 4, topKGroups: 1, topK: 3 })).toThrow("topK must be a whole number from 1 to 2; got 3");
    expect(create({ routedScalingFactor: 0 })).toThrow("routedScalingFactor must be a number above 0; got 0");
  });

  it("gates sum to the scaling factor, and every chosen expert is in one of the allowed groups", () => {
    const logits = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(logits, logits, (row, bias) =>
        tidy(() => {
          const routing = deepseek(bias).route(tf.tensor2d([row]));
          expect(Math.abs(sum(gates(routing)[0]!) - 2.5)).toBeLessThan(1e-5);
          expect(new Set(ids(routing)[0]!.map((e) => e >> 1)).size).toBeLessThanOrEqual(2);
        }),
      ),
      { numRuns: 60, seed: 1 },
    );
  });
});
