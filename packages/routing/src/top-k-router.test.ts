import * as tf from "@tensorflow/tfjs";
import { topK, tidy } from "@moekit/core";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { allClose, BACKENDS, expectGateGradient, gates, identityGate, ids, softmax64, sum, useBackend } from "./testing/routers.js";
import { TopKRouter } from "./top-k-router.js";

/** MoE transformer zoo, check 1. */
const LOGITS = [1.2, 0.3, -0.5, 0.9, -1, 0.1, 0.8, -0.2];
const router = (options: { topK?: number; renormalise?: boolean } = {}) => new TopKRouter({ ...identityGate(8), ...options });
const x = () => tf.tensor2d([LOGITS]);

describe.each(BACKENDS)("TopKRouter on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("takes the probabilities of the chosen experts, renormalised where asked to (R1, R2)", () => {
    const plain = router().route(x());
    expect(ids(plain)).toEqual([[0, 3]]);
    allClose(gates(plain)[0]!, [0.270954, 0.200728]);
    const renormalised = router({ renormalise: true }).route(x());
    expect(ids(renormalised)).toEqual([[0, 3]]);
    allClose(gates(renormalised)[0]!, [0.574443, 0.425557]);
  });

  it("with renormalisation equals the softmax over the largest logits (R3)", () => {
    const logits = tf.randomNormal<tf.Rank.R2>([50, 8], 0, 2, "float32", 4);
    const got = router({ topK: 3, renormalise: true }).route(logits);
    const best = topK(logits, 3);
    expect(ids(got)).toEqual(best.ids.arraySync());
    allClose(got.gates.dataSync(), tf.softmax(best.values).dataSync());
  });

  it("ties go to the lower expert id", () => expect(ids(router().route(tf.zeros([1, 8])))).toEqual([[0, 1]]));

  it.each([false, true])("gates and their gradient agree with a float64 loop (renormalise %s)", (renormalise) => {
    const reference = ([logits]: number[][]) => {
      const p = softmax64(logits!);
      const total = renormalise ? p[0]! + p[3]! : 1;
      return (0.7 * p[0]! - 1.3 * p[3]!) / total;
    };
    expectGateGradient((logits) => router({ renormalise }).route(logits), [[0.7, -1.3]], reference, [LOGITS]);
  });

  it("one renormalised expert has gate 1 and no gradient, as the pitfall says", () => {
    const one = router({ topK: 1, renormalise: true });
    allClose(gates(one.route(x()))[0]!, [1]);
    const slopes = tf.grad((logits) => tf.sum(one.route(logits as tf.Tensor2D).gates))(x()).dataSync();
    for (const slope of slopes) expect(Math.abs(slope)).toBeLessThan(1e-7);
  });

  it("adds its bias to the logits", () => {
    const biased = new TopKRouter({ ...identityGate(8), bias: true });
    biased.bias!.assign(tf.tensor1d([0, 0, 0, 0, 5, 0, 0, 0]));
    const { logits, expertIds } = biased.route(x());
    allClose(logits.dataSync(), LOGITS.map((l, e) => l + (e === 4 ? 5 : 0)));
    expect(expertIds.arraySync()).toEqual([[4, 0]]);
  });

  describe("overrides", () => {
    it("of k change the number of choices", () => {
      expect(ids(router().route(x(), { overrides: { topK: 4 } }))).toEqual([[0, 3, 6, 1]]);
    });

    it("of ids are taken as they are, with the gates there and 0 in empty slots", () => {
      const routing = router().route(x(), { overrides: { expertIds: tf.tensor2d([[3, -1, 4]], [1, 3], "int32") } });
      const p = softmax64(LOGITS);
      expect(ids(routing)).toEqual([[3, -1, 4]]);
      allClose(gates(routing)[0]!, [p[3]!, 0, p[4]!]);
      const slopes = tf.grad((logits) => tf.sum(router().route(logits as tf.Tensor2D, { overrides: { expertIds: routing.expertIds } }).gates))(x());
      expect(slopes.dataSync().every(Number.isFinite)).toBe(true);
    });

    it("of ids that are all empty renormalise to 0, not NaN", () => {
      const routing = router({ renormalise: true }).route(x(), { overrides: { expertIds: tf.fill([1, 2], -1, "int32") as tf.Tensor2D } });
      expect(gates(routing)).toEqual([[0, 0]]);
    });

    it("of gates are taken as they are", () => {
      expect(gates(router({ renormalise: true }).route(x(), { overrides: { gates: tf.tensor2d([[3, 4]]) } }))).toEqual([[3, 4]]);
    });

    it("by a score bias steer the choice and leave the gates alone", () => {
      const scoreBias = tf.tensor1d([-1, 0, 0, 0, 1, 0, 0, 0]);
      const p = softmax64(LOGITS);
      const routing = router().route(x(), { overrides: { scoreBias } });
      expect(ids(routing)).toEqual([[4, 3]]);
      allClose(gates(routing)[0]!, [p[4]!, p[3]!]);
      allClose(routing.selectionScores!.dataSync(), p.map((score, e) => score + scoreBias.arraySync()[e]!));
      const perToken = router().route(x(), { overrides: { scoreBias: tf.expandDims(scoreBias, 0) } });
      expect(ids(perToken)).toEqual([[4, 3]]);
    });

    it("by a score bias of minus infinity exclude experts, and leave slots empty where none is left", () => {
      const scoreBias = tf.tensor1d([0, 0, 0, 0, 0, 0, 0, 0].map((_, e) => (e === 5 ? 0 : -Infinity)));
      const routing = router().route(x(), { overrides: { scoreBias } });
      expect(ids(routing)).toEqual([[5, -1]]);
      allClose(gates(routing)[0]!, [softmax64(LOGITS)[5]!, 0]);
    });

    it("of a wrong shape are named", () => {
      const overrides = (values: object) => () => tidy(() => router().route(x(), { overrides: values }));
      expect(overrides({ expertIds: tf.zeros([2, 2], "int32") })).toThrow("TopKRouter: context.overrides.expertIds must be int32 [1, any]; got int32 [2, 2]");
      expect(overrides({ gates: tf.zeros([1, 3]) })).toThrow("gates must be float32 [1, 2]; got float32 [1, 3]");
      expect(overrides({ scoreBias: tf.zeros([7]) })).toThrow("scoreBias must be float32 [8]; got float32 [7]");
      expect(overrides({ topK: 9 })).toThrow("topK must be a whole number from 1 to 8; got 9");
    });
  });
});

describe("TopKRouter", () => {
  beforeEach(() => useBackend("cpu"));

  it("starts equal for equal seeds and streams, and takes a weight that is handed in", () => {
    const start = (seed: number, stream?: string) => [...new TopKRouter({ dim: 3, numExperts: 4, seed, stream }).weight.dataSync()];
    expect(start(1)).toEqual(start(1));
    expect(start(1)).not.toEqual(start(2));
    expect(start(1, "a")).not.toEqual(start(1, "b"));
    const gate = identityGate(4);
    expect(new TopKRouter(gate).weight).toBe(gate.weight);
  });

  it("refuses sizes out of range, a misfit weight and a missing seed", () => {
    const create = (options: object) => () => new TopKRouter({ dim: 3, numExperts: 4, seed: 1, ...options });
    expect(create({ topK: 5 })).toThrow("TopKRouter: topK must be a whole number from 1 to 4; got 5.");
    expect(create({ topK: 0 })).toThrow("got 0");
    expect(create({ dim: 1.5 })).toThrow("dim must be a whole number from 1 up; got 1.5");
    expect(create({ weight: tf.variable(tf.zeros([3, 4])) })).toThrow("weight must be [E, D] = [4, 3]; got [3, 4]. Weights are [out, in].");
    expect(create({ seed: undefined })).toThrow("seed must be given, or weight");
  });

  it("renormalised gates sum to 1 and stand in falling order, whatever the logits", () => {
    const logits = fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(logits, fc.integer({ min: 1, max: 8 }), (row, k) =>
        tidy(() => {
          const [values] = gates(router({ topK: k, renormalise: true }).route(tf.tensor2d([row])));
          expect(Math.abs(sum(values!) - 1)).toBeLessThan(1e-6);
          expect([...values!].sort((a, b) => b - a)).toEqual(values);
        }),
      ),
      { numRuns: 60, seed: 1 },
    );
  });
});
