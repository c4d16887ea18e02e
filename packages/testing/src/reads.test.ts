import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { describeOn } from "./describe-on.js";
import { withoutReads } from "./reads.js";

const square = tf.customGrad((x, save) => {
  (save as (tensors: tf.Tensor[]) => void)([x as tf.Tensor]);
  return { value: tf.square(x as tf.Tensor), gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(dy, 2 * saved!.dataSync()[0]!) };
});

await describeOn("remote-cpu", () => {
  const x = () => tf.mul(tf.scalar(3), 1);

  it("can be read between computations, as a test does", async () => {
    expect([x().dataSync()[0], (await x().data())[0]]).toEqual([3, 3]);
  });

  it("cannot be read in a tidy, where layers and ops run", () => {
    expect(() => tf.tidy(() => void x().dataSync())).toThrow("remote-cpu: a tensor was read back");
  });

  it("cannot be read in the forward pass of a gradient, nor in the backward pass", () => {
    const scaled = (t: tf.Tensor) => tf.mul(t, t.dataSync()[0]!);
    expect(() => tf.grad(scaled)(x())).toThrow("read back");
    expect(() => tf.grad(square)(x())).toThrow("read back");
  });

  it("computes what the kernels of cpu compute, gathers and slices too", () => {
    const y = tf.tidy(() => tf.sum(tf.gather(tf.tile(tf.tensor1d([1, 2, 3]), [2]), tf.tensor1d([5, 0], "int32"))));
    expect(y.dataSync()[0]).toBe(4);
  });
});

for (const backend of ["remote-cpu", "wasm", "webgpu"] as const) {
  await describeOn(backend, () => {
    it("withoutReads refuses both kinds of reads and allows them afterwards", async () => {
      const x = tf.mul(tf.scalar(3), 1);
      expect(() => withoutReads(() => x.dataSync())).toThrow("readSync: a tensor was read back");
      await expect(async () => withoutReads(() => x.data())).rejects.toThrow("read: a tensor was read back");
      expect((await withoutReads(() => tf.square(x)).data())[0]).toBe(9);
    });
  });
}
