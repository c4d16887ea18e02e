import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { PLAIN_BACKENDS, useBackend } from "@moekit/testing";
import { matmul2d } from "./matmul.js";

describe.each(PLAIN_BACKENDS)("matmul2d on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  // [[1, 2, 3], [4, 5, 6]] times [[1, 0], [2, 1], [0, 3]]: 1 + 4, 2 + 9, 4 + 10, 5 + 18.
  const product = [[5, 11], [14, 23]];

  it.each([[false, false], [true, false], [false, true], [true, true]])("multiplies with transposes %s, %s", (transposeA, transposeB) => {
    const a = transposeA ? tf.tensor2d([[1, 4], [2, 5], [3, 6]]) : tf.tensor2d([[1, 2, 3], [4, 5, 6]]);
    const b = transposeB ? tf.tensor2d([[1, 2, 0], [0, 1, 3]]) : tf.tensor2d([[1, 0], [2, 1], [0, 3]]);
    const before = tf.memory().numTensors;
    expect(matmul2d(a, b, transposeA, transposeB).arraySync()).toEqual(product);
    expect(tf.memory().numTensors - before).toBe(1);
  });

  it("multiplies single rows and columns either way round", () => {
    const row = tf.tensor2d([[1, 2]]);
    expect(matmul2d(row, row, true).arraySync()).toEqual([[1, 2], [2, 4]]);
    expect(matmul2d(row, row, false, true).arraySync()).toEqual([[5]]);
  });

  it("multiplies by one matrix in two shapes", () => {
    const w = tf.tensor2d([[1, 2, 3], [4, 5, 6]]);
    expect(matmul2d(tf.ones([1, 2]), w).arraySync()).toEqual([[5, 7, 9]]);
    expect(matmul2d(tf.ones([1, 3]), tf.reshape(w, [3, 2])).arraySync()).toEqual([[9, 12]]);
    expect(matmul2d(tf.ones([1, 2]), w).arraySync()).toEqual([[5, 7, 9]]);
  });

  it("takes sizes of zero: no rows, or a sum over nothing", () => {
    expect(matmul2d(tf.zeros([0, 3]), tf.ones([3, 2])).shape).toEqual([0, 2]);
    expect(matmul2d(tf.zeros([0, 2]), tf.zeros([0, 3]), true).arraySync()).toEqual([[0, 0, 0], [0, 0, 0]]);
  });
});
