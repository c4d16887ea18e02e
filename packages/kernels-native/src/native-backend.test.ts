import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { sizeClass } from "./buffer-pool.js";
import type { NativeBackend } from "./native-backend.js";
import { useSettings, whyNoKernels } from "./testing/native.js";

const backend = () => tf.backend() as NativeBackend;

describe.skipIf(whyNoKernels)("arrays that become tensors", () => {
  beforeAll(() => useSettings({ instructionSet: "scalar", threads: 1 }));

  /** 100,000 numbers off the start of a cache line: buffers start at multiples of 16 at least. */
  const unaligned = () => new Float32Array(new ArrayBuffer(400_064), 4, 100_000).fill(1);

  it("are copied to the start of a cache line where they are large, into memory that comes back", () => {
    const pool = backend().pool;
    pool.give(pool.take(400_000));
    const before = pool.pooledBytes;
    const array = unaligned();
    const x = tf.tensor1d(array);
    array.fill(2);
    expect(tf.tidy(() => tf.sum(x).dataSync()[0])).toBe(100_000);
    expect(before - pool.pooledBytes).toBe(sizeClass(400_000));
    x.dispose();
    expect(pool.pooledBytes).toBe(before);
  });

  it("stay where they are if they are small", () => {
    const array = Float32Array.of(1, 2, 3);
    const x = tf.tensor1d(array);
    expect(backend().floats(x)).toBe(array);
    x.dispose();
  });
});
