import * as tf from "@tensorflow/tfjs";
import { crossEntropy, expertMlp, linear, rmsNorm, sortByExpert, topK } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { useSettings, whyNoKernels } from "./testing/native.js";

const [TOKENS, WIDTH, EXPERTS, HIDDEN, CLASSES] = [64, 32, 4, 48, 96];

/** A network with an embedding of classes, an expert layer and a loss: what a training step consists of. */
class Tiny {
  readonly router = variable(EXPERTS, WIDTH);
  readonly up = variable(EXPERTS, HIDDEN, WIDTH);
  readonly gate = variable(EXPERTS, HIDDEN, WIDTH);
  readonly down = variable(EXPERTS, WIDTH, HIDDEN);
  readonly norm = variable(WIDTH);
  readonly head = variable(CLASSES, WIDTH);

  loss(x: tf.Tensor2D, targets: tf.Tensor1D): tf.Scalar {
    const { ids } = topK(linear(x, this.router as tf.Tensor2D), 1);
    const { offsets } = sortByExpert(ids, EXPERTS);
    const { gate, up, down } = this as unknown as Record<"gate" | "up" | "down", tf.Tensor3D>;
    const y = expertMlp(x, { gate, up, down }, offsets, { activation: "silu" });
    return tf.mean(crossEntropy(linear(rmsNorm(tf.add(x, y), this.norm as tf.Tensor1D, 1e-6), this.head as tf.Tensor2D), targets));
  }
}

const variable = (...shape: number[]) => tf.variable(tf.randomNormal(shape, 0, 0.1, "float32", 7));

describe.skipIf(whyNoKernels)("thousands of training steps", () => {
  it("leave no tensor behind and keep the memory of the process flat", async () => {
    await useSettings({ instructionSet: "scalar", threads: 2 });
    const model = new Tiny();
    const x = tf.randomNormal([TOKENS, WIDTH], 0, 1, "float32", 3) as tf.Tensor2D;
    const targets = tf.tensor1d(Int32Array.from({ length: TOKENS }, (_, i) => i % CLASSES), "int32");
    const optimizer = tf.train.sgd(0.01);
    const steps = (count: number) => {
      for (let i = 0; i < count; i++) optimizer.minimize(() => model.loss(x, targets));
    };
    steps(1000); // the compiler of JavaScript settles, and the pool fills
    const [tensors, before] = [tf.memory().numTensors, memory()];
    steps(3000);
    const after = memory();
    expect(tf.memory().numTensors).toBe(tensors);
    expect(after.arrays - before.arrays).toBeLessThan(0.5);
    expect(after.heap - before.heap).toBeLessThan(4);
    // A step calls about 60 kernels: 250 bytes lost in each call would be 45 MB. Node itself takes and returns up to 25.
    expect(after.native - before.native).toBeLessThan(40);
  });
});

/** In MB, once the garbage is collected; `native` is what the process holds outside of the heap of JavaScript. */
function memory(): { arrays: number; heap: number; native: number } {
  globalThis.gc!();
  const { arrayBuffers, heapUsed, heapTotal, rss } = process.memoryUsage();
  return { arrays: arrayBuffers / 1e6, heap: heapUsed / 1e6, native: (rss - heapTotal) / 1e6 };
}
