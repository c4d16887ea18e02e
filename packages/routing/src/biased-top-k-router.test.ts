import * as tf from "@tensorflow/tfjs";
import { parameters } from "@moekit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { BiasedTopKRouter, type BiasedTopKRouterOptions } from "./biased-top-k-router.js";
import { allClose, BACKENDS, expectGateGradient, gates, identityGate, ids, logitsOf, softmax64, useBackend } from "./testing/routers.js";

function router(bias: number[], options: Partial<BiasedTopKRouterOptions> = {}): BiasedTopKRouter {
  const made = new BiasedTopKRouter({ ...identityGate(bias.length), ...options });
  tf.tidy(() => made.expertBias.assign(tf.tensor1d(bias)));
  return made;
}

describe.each(BACKENDS)("BiasedTopKRouter on %s", (backend) => {
  beforeEach(() => useBackend(backend));
  const probs = [0.5, 0.3, 0.15, 0.05];

  it("chooses with the bias and weighs without it", () => {
    const routing = router([-0.4, 0, 0, 0.2]).route(logitsOf([probs]));
    expect(ids(routing)).toEqual([[1, 3]]); // p + bias = 0.1, 0.3, 0.15, 0.25
    allClose(gates(routing)[0]!, [0.3 / 0.35, 0.05 / 0.35]);
    allClose(routing.probs.arraySync()[0]!, probs);
    allClose(routing.selectionScores!.arraySync()[0]!, [0.1, 0.3, 0.15, 0.25]);
  });

  it("divides by no less than normFloor", () => {
    allClose(gates(router([0, 0, 0, 0], { topK: 1, normFloor: 0.8 }).route(logitsOf([probs])))[0]!, [0.5 / 0.8]);
  });

  it("has the gradient of the renormalised probabilities; none reaches the bias", () => {
    const made = router([-0.4, 0, 0, 0.2]);
    const reference = (x: number[][]) => {
      const p = softmax64(x[0]!);
      return (2 * p[1]! - p[3]!) / (p[1]! + p[3]!);
    };
    expectGateGradient((x) => made.route(x), [[2, -1]], reference, [probs.map(Math.log)]);
    expect(Object.values(parameters(made)).map(({ trainable }) => trainable)).toEqual([true, false]);
  });

  it.each([{ topK: 5 }, { normFloor: 0 }])("refuses %j", (options) => {
    expect(() => router([0, 0, 0, 0], options)).toThrow(`BiasedTopKRouter: ${Object.keys(options)[0]} must be`);
  });
});
