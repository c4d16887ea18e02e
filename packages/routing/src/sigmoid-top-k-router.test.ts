import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { SigmoidTopKRouter, type SigmoidTopKRouterOptions } from "./sigmoid-top-k-router.js";
import { allClose, BACKENDS, expectGateGradient, gates, identityGate, ids, sigmoid64, useBackend } from "./testing/routers.js";

const router = (numExperts: number, options: Partial<SigmoidTopKRouterOptions> = {}) => new SigmoidTopKRouter({ ...identityGate(numExperts), ...options });

describe.each(BACKENDS)("SigmoidTopKRouter on %s", (backend) => {
  beforeEach(() => useBackend(backend));
  const logits = [1.2, 0.3, -0.5, 0.9, -1, 0.1, 0.8, -0.2];

  it("takes the largest logit and its sigmoid, one expert unless told otherwise", () => {
    const routing = router(8).route(tf.tensor2d([logits]));
    expect(ids(routing)).toEqual([[0]]);
    allClose(gates(routing)[0]!, [0.768525]);
    const two = router(8, { topK: 2 }).route(tf.tensor2d([logits]));
    expect(ids(two)).toEqual([[0, 3]]);
    allClose(gates(two)[0]!, [sigmoid64(1.2), sigmoid64(0.9)]);
  });

  it("tells logits apart whose sigmoids are the same number, and takes ties to the lower id", () => {
    expect(ids(router(3, { topK: 2 }).route(tf.tensor2d([[30, 40, 50], [-1, 2, 2]])))).toEqual([[2, 1], [1, 2]]);
  });

  it("adds a bias from the context to the choice only", () => {
    const routing = router(3).route(tf.tensor2d([[1, 2, 0]]), { overrides: { scoreBias: tf.tensor1d([0, 0, 3]) } });
    expect(ids(routing)).toEqual([[2]]);
    allClose(gates(routing)[0]!, [0.5]);
  });

  it("has the gradient of the chosen sigmoids", () => {
    expectGateGradient((x) => router(4, { topK: 2 }).route(x), [[2, -1]], ([row]) => 2 * sigmoid64(row![1]!) - sigmoid64(row![3]!), [[-0.4, 1.5, 0, 0.7]]);
  });

  it("refuses a topK that is not from 1 to E", () => {
    expect(() => router(4, { topK: 5 })).toThrow("SigmoidTopKRouter: topK must be a whole number from 1 to 4; got 5");
  });
});
