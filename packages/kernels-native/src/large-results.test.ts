import * as core from "@moekit/core";
import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { describeSettings } from "./testing/native.js";

/** 2^24 numbers: a gradient that is written past the caches. */
const [O, I, N] = [4096, 4096, 3];

describeSettings(({ threads }) => {
  it.runIf(threads === 2)("gradients of weights that no cache holds are right in every place", () => {
    const wrong = tf.tidy(() => {
      const x_NI = tf.tensor2d(Float32Array.from({ length: N * I }, (_, i) => (i % 17) - 8), [N, I]);
      const dy_NO = tf.tensor2d(Float32Array.from({ length: N * O }, (_, i) => (i % 13) - 6), [N, O]);
      const offsets = tf.tensor1d([0, N], "int32");
      const loss = (w: tf.Tensor) => tf.sum(tf.mul(core.groupedMatmul(x_NI, w as tf.Tensor3D, offsets), dy_NO));
      const dw = tf.grad(loss)(tf.zeros([1, O, I]));
      return tf.sum(tf.abs(tf.sub(tf.reshape(dw, [O, I]), tf.matMul(dy_NO, x_NI, true)))).dataSync()[0];
    });
    expect(wrong).toBe(0);
  });

  it.runIf(threads === 2)("a step of AdamW over more than caches hold is that of its parts", () => {
    const settings = { learningRate: 0.1, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, step: 3 };
    const different = tf.tidy(() => {
      const part = [1, 2, 3, 4].map((seed) => tf.randomUniform([1, 1001], 0.5, 1.5, "float32", seed));
      const step = ([param, grad, m, v]: tf.Tensor[]) => Object.values(core.adamwStep(param!, grad!, m!, v!, settings));
      const large = step(part.map((tensor) => tf.tile(tensor, [2500, 1])));
      return step(part).map((small, i) => tf.sum(tf.abs(tf.sub(large[i]!, small))).dataSync()[0]);
    });
    expect(different).toEqual([0, 0, 0]);
  });
});
