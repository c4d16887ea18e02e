import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { CountBuffer } from "./count-buffer.js";
import { BACKENDS, LOGITS, routed, useBackend } from "./testing/layer-routing.js";

describe.each(BACKENDS)("CountBuffer on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("adds each layer up on its own, leaving padding out", () => {
    const buffer = new CountBuffer();
    const trace = [routed(LOGITS, { layer: 0 }), routed(LOGITS, { layer: 1, context: { valid: tf.tensor1d([1, 1, 0, 0]) } })];
    buffer.add(trace);
    buffer.add(trace);
    expect([...buffer.counts(0).dataSync()]).toEqual([4, 2, 2]);
    expect([...buffer.counts(1).dataSync()]).toEqual([2, 0, 2]);
    buffer.reset();
  });

  it("tells the routers of one layer apart", () => {
    const buffer = new CountBuffer();
    buffer.add([{ ...routed(LOGITS, { layer: 0 }), part: "attention" }, routed(LOGITS.map((row) => [...row].reverse()), { layer: 0 })]);
    expect([...buffer.counts(0, "attention").dataSync()]).toEqual([2, 1, 1]);
    expect([...buffer.counts(0).dataSync()]).toEqual([1, 1, 2]);
    expect(() => buffer.counts(1, "attention")).toThrow("CountBuffer: nothing was added for layer 1.attention.");
    buffer.reset();
  });

  it("counts choices before capacity", () => {
    const chosenIds = tf.tensor2d([[0], [1], [1], [1]], [4, 1], "int32");
    const buffer = new CountBuffer();
    buffer.add([routed(LOGITS, { routing: { chosenIds, expertIds: tf.fill([4, 1], -1, "int32") } })]);
    expect([...buffer.counts(0).dataSync()]).toEqual([1, 3, 0]);
    buffer.reset();
  });

  it("counts 0 in a batch without tokens", () => {
    const buffer = new CountBuffer();
    buffer.add([routed(tf.zeros([0, 3]))]);
    expect([...buffer.counts(0).dataSync()]).toEqual([0, 0, 0]);
    buffer.add([routed(LOGITS)]);
    expect([...buffer.counts(0).dataSync()]).toEqual([2, 1, 1]);
    buffer.reset();
  });

  it("keeps one tensor a layer, and none after a reset", () => {
    const buffer = new CountBuffer();
    const trace = [routed(LOGITS, { layer: 2 }), routed(LOGITS, { layer: 5 })];
    const before = tf.memory().numTensors;
    for (let micro = 1; micro <= 3; micro++) {
      tf.tidy(() => buffer.add(trace)); // what it holds outlives the caller's tidy
      expect(tf.memory().numTensors).toBe(before + 2);
      expect([...buffer.counts(5).dataSync()]).toEqual([2 * micro, micro, micro]);
    }
    buffer.reset();
    expect(tf.memory().numTensors).toBe(before);
    expect(() => buffer.counts(2)).toThrow("CountBuffer: nothing was added for layer 2. Call add(trace)");
  });
});
