import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { defineOp, registerOpKernel } from "./define-op.js";

const scaledSum = defineOp<{ x: tf.Tensor; y?: tf.Tensor } & Record<string, tf.Tensor>, { scale: number }>({
  name: "TestScaledSum",
  reference: ({ x, y }, { scale }) => [tf.mul(y ? tf.add(x, y) : x, scale), tf.mul(x, 0)],
  gradient: ([dy], _saved, { scale }) => ({ x: () => tf.mul(dy!, scale), y: () => tf.mul(dy!, scale) }),
});

describe("defineOp", () => {
  it("runs the reference and its written-out gradient, with optional inputs and several outputs", () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const f = (x: tf.Tensor, y: tf.Tensor) => tf.sum(scaledSum.run({ x, y }, { scale: 3 })[0]!) as tf.Scalar;
      const [dx, dy] = tf.grads(f)([tf.tensor1d([1, 2]), tf.tensor1d([5, 6])]);
      expect([...dx!.dataSync(), ...dy!.dataSync()]).toEqual([3, 3, 3, 3]);
      const g = tf.grad((x: tf.Tensor) => tf.sum(scaledSum.run({ x } as never, { scale: 2 })[0]!));
      expect([...g(tf.tensor1d([1, 2])).dataSync()]).toEqual([2, 2]);
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("works when two copies of the package define an op, whichever is called", () => {
    const copy = () => defineOp<{ x: tf.Tensor; w: tf.Tensor }>({
      name: "TestProduct",
      reference: ({ x, w }) => tf.mul(x, w),
      gradient: ([dy], { inputs: { x, w } }) => ({ x: () => tf.mul(dy!, w), w: () => tf.mul(dy!, x) }),
    });
    const [first, second] = [copy(), copy()];
    tf.tidy(() => {
      for (const { run } of [first, second, first]) {
        const gradients = tf.grads((x: tf.Tensor, w: tf.Tensor) => run({ x, w }, {})[0]!)([tf.scalar(3), tf.scalar(5)]);
        expect(gradients.map((t) => t.dataSync()[0])).toEqual([5, 3]);
      }
    });
  });

  it("uses a registered kernel instead of the reference", () => {
    registerOpKernel("TestScaledSum", tf.getBackend(), () => [tf.tensor1d([42]), tf.tensor1d([0])]);
    tf.tidy(() => {
      expect(scaledSum.run({ x: tf.tensor1d([1]) } as never, { scale: 1 })[0]!.dataSync()[0]).toBe(42);
    });
  });
});
