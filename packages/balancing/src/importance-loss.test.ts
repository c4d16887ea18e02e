import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { importanceLoss, type ImportanceLossOptions } from "./importance-loss.js";
import { BACKENDS, best64, closeTo, expectNoLeak, expectSame, LOGITS, routed, softmax64, sum, useBackend, valueOf, type Routed } from "./testing/layer-routing.js";

const lossOf = (logits: tf.Tensor2D | number[][], options: ImportanceLossOptions = {}, entry: Routed = {}) => importanceLoss(options).loss([routed(logits, entry)])[0]!.value;

function cv64(values: number[], freedom: number): number {
  const mean = sum(values) / values.length;
  return sum(values.map((x) => (x - mean) ** 2)) / freedom / mean ** 2;
}

describe.each(BACKENDS)("importanceLoss on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("is the squared coefficient of variation of the summed gates", () => {
    // All three experts chosen, so that gates are all probabilities: I = [1.906262, 1.037947, 1.055790]
    closeTo(valueOf(lossOf(LOGITS, {}, { k: 3 })), 0.138524);
    closeTo(valueOf(lossOf(LOGITS, { variance: "population" }, { k: 3 })), 0.092349);
    closeTo(valueOf(lossOf(LOGITS, { over: "probs", variance: "population" }, { k: 1 })), 0.092349);
  });

  it("agrees with a float64 loop over the gates of two choices", () => {
    const chosen = LOGITS.map((row) => best64(row, 2));
    const importance = (logits: number[][]) => [0, 1, 2].map((e) => sum(logits.map((row, t) => (chosen[t]!.includes(e) ? softmax64(row)[e]! : 0))));
    expectSame((x) => lossOf(x, {}, { k: 2 }), (logits) => cv64(importance(logits), 2), LOGITS);
  });

  it("agrees with a float64 loop over all probabilities", () => {
    const importance = (logits: number[][]) => [0, 1, 2].map((e) => sum(logits.map((row) => softmax64(row)[e]!)));
    expectSame((x) => lossOf(x, { over: "probs", variance: "population" }), (logits) => cv64(importance(logits), 3), LOGITS);
  });

  it("leaves padding and empty slots out", () => {
    const context = { valid: tf.tensor1d([1, 1, 1, 1, 0]) };
    closeTo(valueOf(lossOf([...LOGITS, [0, 5, 0]], {}, { k: 3, context })), 0.138524);
    const emptied = { expertIds: tf.tensor2d([[0, -1], [1, -1]], [2, 2], "int32"), gates: tf.tensor2d([[0.5, 0], [0.5, 0]]) };
    closeTo(valueOf(lossOf([[0, 0], [0, 0]], {}, { k: 2, routing: emptied })), 0);
  });

  it("sums the gates of what experts chose, and of a dense mix", () => {
    const { logits, probs } = routed(LOGITS).routing;
    const base = { numExperts: 3, logits, probs };
    const value = (routing: Parameters<ReturnType<typeof importanceLoss>["loss"]>[0][number]["routing"]) => valueOf(importanceLoss().loss([{ layer: 0, context: {}, routing }])[0]!.value);
    closeTo(value({ ...base, kind: "dense-mix", gates: probs }), 0.138524);
    const gates = tf.transpose(probs) as tf.Tensor2D;
    closeTo(value({ ...base, kind: "expert-choice", gates, tokenIds: tf.tensor2d([[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]], [3, 4], "int32") }), 0.138524);
  });

  it("is 0 for a single expert", () => expect(valueOf(lossOf([[3], [4]]))).toBe(0));

  it("leaves no tensors behind", () => {
    const entry = routed(LOGITS, { k: 2 });
    expectNoLeak(() => importanceLoss().loss([entry]));
  });
});
