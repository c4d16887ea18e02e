import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { entropyLoss } from "./entropy-loss.js";
import { BACKENDS, closeTo, expectNoLeak, expectSame, LOGITS, routed, softmax64, sum, useBackend, valueOf } from "./testing/layer-routing.js";

const lossOf = (logits: tf.Tensor2D | number[][]) => entropyLoss().loss([routed(logits)])[0]!.value;
const entropy = (probs: number[]) => -sum(probs.map((p) => p * Math.log(p)));

describe.each(BACKENDS)("entropyLoss on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("is the mean entropy in nats (dynamic top-p, check 2)", () => {
    const probs = [[0.5, 0.2, 0.15, 0.15], [0.3, 0.25, 0.25, 0.2], [0.9, 0.05, 0.03, 0.02]];
    probs.forEach((row, i) => closeTo(valueOf(lossOf([row.map(Math.log)])), [1.237597, 1.376227, 0.428048][i]!));
    closeTo(valueOf(lossOf(probs.map((row) => row.map(Math.log)))), 1.013957);
  });

  it("is ln E with a gradient of 0 for a uniform router", () => {
    const { value, grad } = tf.valueAndGrad((x) => lossOf(x as tf.Tensor2D))(tf.zeros([3, 4]));
    closeTo(valueOf(value), Math.log(4));
    for (const slope of grad.dataSync()) expect(Math.abs(slope)).toBeLessThan(1e-7);
  });

  it("goes to 0, and stays finite, where one expert has all the probability", () => {
    const { value, grad } = tf.valueAndGrad((x) => lossOf(x as tf.Tensor2D))(tf.tensor2d([[200, 0, 0]]));
    expect([valueOf(value), ...grad.dataSync()].every((x) => Math.abs(x) < 1e-30)).toBe(true);
  });

  it("agrees with a float64 loop", () => {
    expectSame(lossOf, (logits) => sum(logits.map((row) => entropy(softmax64(row)))) / logits.length, LOGITS);
  });

  it("leaves no tensors behind", () => {
    const entry = routed(LOGITS);
    expectNoLeak(() => entropyLoss().loss([entry]));
  });
});
