import * as tf from "@tensorflow/tfjs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { expertMlp, expertMlpGradOp } from "./expert-mlp.js";

const [E, D, F] = [2, 3, 5];
const seeded = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, "float32", seed);

/** Gradients of a sum of outputs of `rows` rows, and what the backward op got. */
function gradients(rows: number) {
  const backward = vi.spyOn(expertMlpGradOp, "run");
  const [gate, up, down] = [seeded([E, F, D], 1), seeded([E, F, D], 2), seeded([E, D, F], 3)] as tf.Tensor3D[];
  const offsets = tf.tensor1d([0, 1, rows], "int32");
  const weights = seeded([rows, D], 5);
  const loss = (x: tf.Tensor) => tf.sum(tf.mul(expertMlp(x as tf.Tensor2D, { gate, up: up!, down: down! }, offsets, { activation: "silu" }), weights)) as tf.Scalar;
  const dx = tf.grad(loss)(seeded([rows, D], 4));
  return { dx: dx.dataSync(), before: backward.mock.lastCall![0].before };
}

describe("expertMlp under a gradient", () => {
  afterEach(() => vi.restoreAllMocks());

  // 9 rows x 2 F = 90 numbers, as many as 3 matrices of 2 experts of 3 x 5 have.
  it("keeps the rows before the activation up to the size of the matrices", () => {
    expect(gradients(9).before!.shape).toEqual([9, 2 * F]);
    expect(gradients(10).before).toBeUndefined();
  });

  it("gives one row the same gradient either way", () => {
    const [kept, again] = [gradients(9).dx, gradients(10).dx];
    for (let i = 0; i < D; i++) expect(kept[i]).toBeCloseTo(again[i]!, 6);
  });

  it("leaves no tensors behind", () => {
    tf.tidy(() => gradients(9));
    const before = tf.memory().numTensors;
    tf.tidy(() => gradients(9));
    expect(tf.memory().numTensors).toBe(before);
  });
});
