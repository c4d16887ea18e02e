import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../testing/fixtures.js";
import { jitter } from "./jitter.js";

describe("jitter", () => {
  let x: tf.Tensor2D;
  beforeAll(async () => {
    await useBackend("cpu");
    x = tf.ones([50, 20]);
  });

  it("multiplies by repeatable numbers near 1 in training, others in other layers and seeds", () => {
    const values = (seed: number, layer: number) => [...jitter(x, 0.1, { training: true, seed, layer }).dataSync()];
    const first = values(1, 0);
    expect(Math.min(...first)).toBeGreaterThanOrEqual(Math.fround(0.9));
    expect(Math.max(...first)).toBeLessThan(1.1);
    expect(Math.abs(first.reduce((a, b) => a + b, 0) / first.length - 1)).toBeLessThan(0.01);
    expect(values(1, 0)).toEqual(first);
    expect(values(1, 1)).not.toEqual(first);
    expect(values(2, 0)).not.toEqual(first);
  });

  it("does nothing outside training or without noise, and needs a seed", () => {
    expect(jitter(x, 0.1, { seed: 1 })).toBe(x);
    expect(jitter(x, 0, { training: true })).toBe(x);
    expect(() => jitter(x, 0.1, { training: true })).toThrow("context.seed must be given");
  });
});
