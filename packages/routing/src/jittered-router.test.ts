import * as tf from "@tensorflow/tfjs";
import { parameters } from "@moekit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { JitteredRouter } from "./jittered-router.js";
import { BACKENDS, identityGate, useBackend } from "./testing/routers.js";
import { TopKRouter } from "./top-k-router.js";

const router = () => new JitteredRouter(new TopKRouter(identityGate(4)), 0.1);
const TRAINING = { training: true, seed: 7, layer: 2 };
const logits = (context: object) => [...router().route(tf.ones([50, 4]), context).logits.dataSync()];

describe.each(BACKENDS)("JitteredRouter on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("leaves the input alone outside training", () => expect(logits({ seed: 7 }).every((x) => x === 1)).toBe(true));

  it("multiplies the input by numbers within eps of 1, evenly spread", () => {
    const values = logits(TRAINING);
    expect([Math.min(...values) >= 0.9, Math.max(...values) < 1.1]).toEqual([true, true]);
    // Uniform on a width of 0.2: the standard error of the mean of 200 is 0.2 / sqrt(12 * 200) = 0.0041
    expect(Math.abs(values.reduce((a, b) => a + b, 0) / values.length - 1)).toBeLessThan(0.0164);
    expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(0.19);
  });

  it("is a function of seed and layer", () => {
    expect(logits(TRAINING)).toEqual(logits(TRAINING));
    expect(logits({ ...TRAINING, layer: 1 })).not.toEqual(logits(TRAINING));
    expect(logits({ ...TRAINING, seed: 1 })).not.toEqual(logits(TRAINING));
  });

  it("has the inner router's parameters and numbers of experts", () => {
    expect(Object.keys(parameters(router()))).toEqual(["inner.weight"]);
    expect(router().numExperts).toBe(4);
  });

  it("asks for a seed in training and for an eps between 0 and 1", () => {
    expect(() => router().route(tf.ones([1, 4]), { training: true })).toThrow("context.seed must be given in training");
    expect(() => new JitteredRouter(new TopKRouter(identityGate(4)), 0)).toThrow("eps must be between 0 and 1; got 0");
  });
});
