import * as tf from "@tensorflow/tfjs";
import { disposeParameters } from "@moekit/core";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../testing/fixtures.js";
import { bucketOf, PositionBias } from "./position-bias.js";

describe("bucketOf", () => {
  // 8 buckets up to distance 16. Both sides: 4 each, of which 0 and 1 are exact, then 2 + trunc(2 ln(far / 2) / ln 8):
  // 2 to 5 are bucket 2 (2 sqrt(8) = 5.7), from 6 on 3.
  it.each([[0, 0], [-1, 1], [-2, 2], [-5, 2], [-6, 3], [-16, 3], [-99, 3], [1, 5], [5, 6], [6, 7], [99, 7]])("on both sides, %i is in bucket %i", (distance, bucket) => {
    expect(bucketOf(distance, "both", { numBuckets: 8, maxDistance: 16 })).toBe(bucket);
  });

  // Only before: 8, of which 0 to 3 are exact, then 4 + trunc(4 ln(far / 4) / ln 4): 4 sqrt(2) = 5.7, 8, 11.3.
  it.each([[3, 0], [0, 0], [-3, 3], [-4, 4], [-5, 4], [-6, 5], [-8, 6], [-11, 6], [-12, 7], [-99, 7]])("before, %i is in bucket %i", (distance, bucket) => {
    expect(bucketOf(distance, "before", { numBuckets: 8, maxDistance: 16 })).toBe(bucket);
  });
});

describe("PositionBias", () => {
  beforeAll(() => useBackend("cpu"));

  it("goes on where the last call ended, and masks what comes later", () => {
    const bias = new PositionBias({ numBuckets: 8, maxDistance: 16 }, 2, "before", "test", { seed: 1, std: 1, residualStd: 1, tableStd: 1 });
    tf.tidy(() => {
      const whole = bias.of(6, 6, 0).arraySync()[0]!;
      const piece = bias.of(2, 6, 4).arraySync()[0]!;
      expect(piece).toEqual(whole.map((head) => head.slice(4)));
      const table = bias.weight.arraySync() as number[][];
      expect([5, 4, 3].map((key) => whole[1]![5]![key])).toEqual([0, 1, 2].map((bucket) => table[bucket]![1]));
      expect(whole[0]![2]!.map((value) => value < -1e29)).toEqual([false, false, false, true, true, true]);
    });
    disposeParameters(bias);
  });
});
