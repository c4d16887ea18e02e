import * as tf from "@tensorflow/tfjs";
import { packMatrix, packedBytes } from "@moekit/core";
import { bf16 } from "@moekit/core/packed";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../testing/fixtures.js";
import { ExpertCache } from "./expert-cache.js";
import { PackedWeight } from "./packed-weight.js";

/** A bank of numbers, `[E, 1, 1]`, expert e having e + 1, that notes which experts are read. */
function numbered(numExperts: number, numSlots: number): { cache: ExpertCache; reads: number[] } {
  const reads: number[] = [];
  const all = packMatrix(Float32Array.from({ length: numExperts }, (_, e) => e + 1), [numExperts, 1], bf16);
  const weight = new PackedWeight([numExperts, 1, 1]);
  weight.stored = {
    ...{ format: bf16, shape: all.shape },
    readExpert: (expert, target) => {
      reads.push(expert);
      target.set(all.bytes.subarray(2 * expert, 2 * expert + 2));
    },
  };
  const cache = new ExpertCache([weight]);
  cache.reserve(numSlots);
  return { cache, reads };
}

/** Rows of ones with that many rows for each expert and `spare` of nobody, times the number of their expert. */
function outputs(cache: ExpertCache, counts: readonly number[], spare = 0): number[] {
  let end = 0;
  const offsets = tf.tensor1d([0, ...counts.map((count) => (end += count))], "int32");
  const y = cache.forward(tf.ones([end + spare, 1]), offsets, (x, [slots], ends) => {
    const [starts, values] = [ends.dataSync(), new Float32Array(slots!.shape[0])];
    bf16.decode(slots!.bytes, values);
    return tf.tensor2d(Array.from(x.dataSync(), (value, row) => value * (values[starts.findIndex((start, slot) => start <= row && row < starts[slot + 1]!)] ?? 0)), [x.shape[0], 1]);
  });
  return [...y.dataSync()];
}

describe("ExpertCache", () => {
  beforeAll(() => useBackend("cpu"));

  it("reads an expert once while it has a slot, and puts a new one in place of that used longest ago", () => {
    const { cache, reads } = numbered(5, 2);
    const use = (expert: number) => expect(outputs(cache, Array.from({ length: 5 }, (_, e) => Number(e === expert)))).toEqual([expert + 1]);
    // 3 and 0 fill the slots; 3 is used again, so that 4 takes the place of 0, and 0 then that of 3.
    for (const expert of [3, 0, 3, 4, 3, 4, 0, 4]) use(expert);
    expect(reads).toEqual([3, 0, 4, 0]);
  });

  it("computes more experts than it has slots for in rounds, those in memory first, and brings rows back in order", () => {
    const { cache, reads } = numbered(5, 2);
    expect(outputs(cache, [2, 1, 0, 1, 3])).toEqual([1, 1, 2, 4, 5, 5, 5]);
    expect(reads).toEqual([0, 1, 3, 4]);
    // 3 and 4 are there; they go first.
    expect(outputs(cache, [1, 0, 0, 1, 1])).toEqual([1, 4, 5]);
    expect(reads).toEqual([0, 1, 3, 4, 0]);
  });

  it("gives rows of no expert 0, in order or not, and when there are no others", () => {
    const { cache } = numbered(3, 2);
    expect(outputs(cache, [0, 0, 0], 2)).toEqual([0, 0]);
    expect(outputs(cache, [1, 1, 0], 1)).toEqual([1, 2, 0]);
    expect(outputs(cache, [1, 1, 1], 1)).toEqual([1, 2, 3, 0]);
    expect(outputs(cache, [0, 0, 1], 2)).toEqual([3, 0, 0]);
  });

  it("keeps its order where it has room for all", () => {
    const { cache } = numbered(3, 3);
    for (const counts of [[0, 0, 1], [1, 0, 0], [0, 2, 0]]) outputs(cache, counts);
    const seen: number[][] = [];
    cache.forward(tf.ones([3, 1]), tf.tensor1d([0, 1, 2, 3], "int32"), (x, _, __, experts) => {
      seen.push([...experts.dataSync()]);
      return x;
    });
    expect(seen).toEqual([[0, 1, 2]]);
  });

  it("counts bytes of one expert over all its weights", () => {
    const weights = [new PackedWeight([4, 3, 2]), new PackedWeight([4, 2, 3])];
    for (const weight of weights) weight.stored = { format: bf16, shape: [4 * weight.shape[1]!, weight.shape[2]!], readExpert: () => {} };
    expect(new ExpertCache(weights).expertBytes).toBe(2 * packedBytes([3, 2], bf16));
  });

  it("forgets an expert whose reading failed", () => {
    const { cache, reads } = numbered(3, 1);
    outputs(cache, [1, 0, 0]);
    const { stored } = cache.weights[0]!;
    cache.weights[0]!.stored = { ...stored, readExpert: () => expect.unreachable("as if the file were gone") };
    expect(() => outputs(cache, [0, 1, 0])).toThrow("as if the file were gone");
    cache.weights[0]!.stored = stored;
    expect(outputs(cache, [1, 1, 0])).toEqual([1, 2]);
    expect(reads).toEqual([0, 0, 1]);
  });

  it("leaves nothing but its result behind", () => {
    const { cache } = numbered(5, 2);
    const [x, offsets] = [tf.ones([4, 1]) as tf.Tensor2D, tf.tensor1d([0, 1, 1, 2, 3, 4], "int32")];
    const before = tf.memory().numTensors;
    cache.forward(x, offsets, (rows) => tf.mul(rows, 2)).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
