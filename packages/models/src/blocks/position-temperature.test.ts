import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { withTemperature } from "./position-temperature.js";
import { UnweightedNorm } from "./unweighted-norm.js";

describe("withTemperature", () => {
  it.each([
    [0, 1], // floor(1 / 8192) = 0
    [8190, 1],
    [8191, 1.069315], // 1 + .1 ln 2
    [8192, 1.069315],
    [100000, 1.256495], // 1 + .1 ln(1 + 12) = 1 + .1 * 2.564949
  ])("at position %d multiplies by %d", (position, factor) => {
    const q = withTemperature(tf.fill([1, 1, 2, 2], 2) as tf.Tensor4D, { scale: 0.1, every: 8192 }, position);
    for (const value of q.dataSync()) expect(value).toBeCloseTo(2 * factor, 5);
  });

  it("counts positions from where the call begins", () => {
    const q = withTemperature(tf.ones([2, 3, 1, 1]) as tf.Tensor4D, { scale: 1, every: 2 }, 2);
    // positions 2, 3, 4: floor(3 / 2), floor(4 / 2), floor(5 / 2)
    const want = [1, 2, 2].map((n) => Math.fround(1 + Math.log1p(n)));
    q.dataSync().forEach((value, i) => expect(value).toBeCloseTo(want[i % 3]!, 6));
  });
});

describe("UnweightedNorm", () => {
  it("divides by the root of the mean square", () => {
    // (9 + 16) / 2 + 0.5 = 13
    const [x, y] = new UnweightedNorm(0.5).forward(tf.tensor2d([[3, 4]])).dataSync();
    expect(x).toBeCloseTo(3 / Math.sqrt(13), 6);
    expect(y).toBeCloseTo(4 / Math.sqrt(13), 6);
  });
});
