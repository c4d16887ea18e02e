import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { tidy, type RouteContext } from "@moekit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { SparseMixerRouter } from "./sparse-mixer-router.js";
import { allClose, BACKENDS, expectGateGradient, gates, identityGate, ids, softmax64, useBackend } from "./testing/routers.js";

const router = (numExperts: number, eps = 0.01) => new SparseMixerRouter({ ...identityGate(numExperts), eps });
const TRAINING: RouteContext = { training: true, seed: 3, layer: 1 };

/** Softmax over the logits close to the best one but `taken`, in plain loops. */
function keptSoftmax64(l: readonly number[], eps: number, taken = -1): number[] {
  const best = Math.max(...l.filter((_, e) => e !== taken));
  const keeps = l.map((x, e) => e !== taken && (best - x) / Math.max(Math.abs(x), best) <= 2 * eps);
  return softmax64(l.map((x, e) => (keeps[e] ? x : -1e30)));
}

describe.each(BACKENDS)("SparseMixerRouter on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("gives weight 1 to an expert that nobody is close to", () => {
    const routing = router(8).route(tf.tensor2d([[1.2, 0.3, -0.5, 0.9, -1, 0.1, 0.8, -0.2]]));
    expect(ids(routing)).toEqual([[0, 3]]);
    allClose(gates(routing)[0]!, [1, 1]);
    expect(routing.selectionScores).toBeUndefined();
  });

  it("shares it among those within 2 % of the best: the numbers of transformers", () => {
    // round 1: 1, .99 and .985 are kept, softmax .336116 at 1; round 2: .99 and .985, softmax of .005 = .501250
    const routing = router(8).route(tf.tensor2d([[1, 0.99, 0.985, -1, 0.5, 0, 0, 0]]));
    expect(ids(routing)).toEqual([[0, 1]]);
    allClose(gates(routing)[0]!, [0.336116, 0.50125], 1e-5);
  });

  it("takes ties to the lower id, and logits that are all 0 or negative", () => {
    const routing = router(3, 0.1).route(tf.tensor2d([[0, 0, 0], [-1.1, -1, -3]]));
    expect(ids(routing)).toEqual([[0, 1], [1, 0]]);
    // -1.1 is .1 / 1.1 = .09 away from -1: kept by eps .1 in round 1; -3 is 1.9 / 3 = .63 away from -1.1
    allClose(gates(routing).flat(), [1 / 3, 1 / 2, 1 / (1 + Math.exp(-0.1)), 1], 1e-6);
  });

  it("has the gradient of the softmaxes over what is kept", () => {
    const logits = [1, 0.9, 0.7, -2, 0.65];
    const reference = (x: number[][]) => 2 * keptSoftmax64(x[0]!, 0.2)[0]! - 3 * keptSoftmax64(x[0]!, 0.2, 0)[1]!;
    expectGateGradient((x) => router(5, 0.2).route(x), [[2, -3]], reference, [logits]);
  });

  it("samples in training with the probabilities of the kept, the second expert among the others", () => {
    const logits = [1, 0.9, 0.7, -2];
    const chosen = ids(router(4, 0.2).route(tf.tile(tf.tensor2d([logits]), [4000, 1]), TRAINING));
    const [p, q] = [keptSoftmax64(logits, 0.2), keptSoftmax64(logits, 0.2, 0)];
    const afterZero = chosen.filter(([first]) => first === 0);
    for (const e of [0, 1, 2, 3]) {
      // Five standard errors of a share.
      expect(Math.abs(chosen.filter(([first]) => first === e).length / 4000 - p[e]!)).toBeLessThan(5 * Math.sqrt(0.25 / 4000));
      expect(Math.abs(afterZero.filter(([, second]) => second === e).length / afterZero.length - q[e]!)).toBeLessThan(5 * Math.sqrt(0.25 / afterZero.length));
    }
    expect(chosen.every(([first, second]) => first !== second)).toBe(true);
  });

  it("weighs a sample by its probability if it is the best or, one time in four, another; else by a third", () => {
    const logits = [1, 0.9, 0.7, -2];
    const routing = router(4, 0.2).route(tf.tile(tf.tensor2d([logits]), [4000, 1]), TRAINING);
    const p = keptSoftmax64(logits, 0.2);
    const factors = ids(routing).map(([first], t) => ({ first: first!, factor: gates(routing)[t]![0]! / p[first!]! }));
    for (const { first, factor } of factors) expect(Math.min(Math.abs(factor - 1), first === 0 ? Infinity : Math.abs(factor - 0.3333))).toBeLessThan(1e-5);
    const others = factors.filter(({ first }) => first !== 0);
    expect(Math.abs(others.filter(({ factor }) => factor > 0.9).length / others.length - 0.25)).toBeLessThan(0.05);
  });

  it("has the gradient p (onehot - p) in training, whatever the factor: that of the authors' backward pass", () => {
    const logits = Array.from({ length: 40 }, () => [1, 0.9, 0.7, -2]);
    tf.tidy(() => {
      const made = router(4, 0.2);
      const weights = tf.tensor2d(logits.map((_, t) => [t + 1, -2 * t]));
      const slope = tf.grad((x) => tf.sum(tf.mul(made.route(x as Tensor2D, TRAINING).gates, weights)))(tf.tensor2d(logits)).arraySync() as number[][];
      ids(made.route(tf.tensor2d(logits), TRAINING)).forEach(([first, second], t) => {
        const [p, q] = [keptSoftmax64(logits[t]!, 0.2), keptSoftmax64(logits[t]!, 0.2, first)];
        const want = [0, 1, 2, 3].map((e) => (t + 1) * p[first!]! * (Number(e === first) - p[e]!) - 2 * t * q[second!]! * (Number(e === second) - q[e]!));
        allClose(slope[t]!, want, 1e-5);
      });
    });
  });

  it("is a function of seed and layer in training, and asks for a seed", () => {
    const x = tf.tile(tf.tensor2d([[1, 0.99, 0.98, 0.97]]), [64, 1]) as Tensor2D;
    const choice = (context: RouteContext) => ids(router(4).route(x, context));
    expect(choice(TRAINING)).toEqual(choice(TRAINING));
    expect(choice({ ...TRAINING, layer: 2 })).not.toEqual(choice(TRAINING));
    expect(choice({ ...TRAINING, seed: 4 })).not.toEqual(choice(TRAINING));
    expect(() => tf.tidy(() => choice({ training: true }))).toThrow("context.seed must be given in training");
  });

  it("takes experts, gates and a bias of the choice from the context", () => {
    const x = tf.tensor2d([[1, 0.99, 0.985]]);
    const forced = router(3).route(x, { overrides: { expertIds: tf.tensor2d([[2, 0]], [1, 2], "int32") } });
    expect(ids(forced)).toEqual([[2, 0]]);
    allClose(gates(forced)[0]!, [keptSoftmax64([1, 0.99, 0.985], 0.01)[2]!, keptSoftmax64([1, 0.99, 0.985], 0.01, 2)[0]!]);
    expect(ids(router(3).route(x, { overrides: { scoreBias: tf.tensor1d([0, 0, 1]) } }))).toEqual([[2, 0]]);
    expect(gates(router(3).route(x, { overrides: { gates: tf.tensor2d([[0.25, 0.5]]) } }))).toEqual([[0.25, 0.5]]);
    expect(() => tidy(() => router(3).route(x, { overrides: { expertIds: tf.ones([1, 3], "int32") } }))).toThrow("expertIds must be int32 [1, 2]");
  });

  it("refuses an eps that is not between 0 and 1, and a single expert", () => {
    expect(() => router(4, 0)).toThrow("SparseMixerRouter: eps must be between 0 and 1; got 0");
    expect(() => router(1)).toThrow("SparseMixerRouter: numExperts must be at least 2");
  });
});
