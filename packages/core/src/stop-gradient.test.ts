import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { PLAIN_BACKENDS, useBackend } from "@moekit/testing";
import { stopGradient } from "./stop-gradient.js";

describe.each(PLAIN_BACKENDS)("stopGradient on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("is a constant for the backward pass: d(x * stop(x))/dx = x", () => {
    const grad = tf.grad((x) => tf.mul(x, stopGradient(x)))(tf.tensor1d([2, 3]));
    expect([...grad.dataSync()]).toEqual([2, 3]);
  });

  it("lets ops without a gradient be used behind it", () => {
    const positive = (x: tf.Tensor) => tf.cast(tf.greater(stopGradient(x), 0), "float32");
    expect([...tf.grad((x) => tf.mul(x, positive(x)))(tf.tensor1d([-1, 5])).dataSync()]).toEqual([0, 1]);
  });

  it("keeps the values alive when the original goes, and frees them at the end", () => {
    const before = tf.memory();
    const x = tf.tensor1d([1, 2]);
    const same = stopGradient(x);
    x.dispose();
    expect([...same.dataSync()]).toEqual([1, 2]);
    same.dispose();
    expect([tf.memory().numTensors, tf.memory().numDataBuffers]).toEqual([before.numTensors, before.numDataBuffers]);
  });
});
