import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { type BufferPool, sizeClass } from "./buffer-pool.js";
import type { NativeBackend } from "./native-backend.js";
import { nativeBackendName } from "./register.js";
import { useSettings, whyNoKernels } from "./testing/native.js";

const backend = () => tf.backend() as NativeBackend;
const sum = (n: number) => tf.matMul(tf.ones([1, n]), tf.ones([n, n])) as tf.Tensor2D;

describe("size classes", () => {
  it("are 256 and four per power of two", () => {
    expect([1, 256, 257, 320, 321, 512, 513, 1025].map(sizeClass)).toEqual([256, 256, 320, 320, 384, 512, 640, 1280]);
  });

  it("waste at most a fifth", () => {
    for (let bytes = 257; bytes < 1e10; bytes = Math.ceil(bytes * 1.37)) {
      expect(sizeClass(bytes)).toBeGreaterThanOrEqual(bytes);
      expect(bytes / sizeClass(bytes)).toBeGreaterThanOrEqual(0.8);
    }
  });
});

describe.skipIf(whyNoKernels)(`memory of ${nativeBackendName}`, () => {
  beforeAll(() => useSettings({ instructionSet: "scalar", threads: 1 }));

  it("is used again once a tensor is disposed", () => {
    const pool: BufferPool = backend().pool;
    // Made before: large arrays from outside may or may not be copied into memory of the pool.
    const [row, matrix] = [tf.ones([1, 300]) as tf.Tensor2D, tf.ones([300, 300]) as tf.Tensor2D];
    tf.tidy(() => void tf.matMul(row, matrix));
    const before = pool.pooledBytes;
    const x = tf.matMul(row, matrix);
    expect(before - pool.pooledBytes).toBe(sizeClass(1200));
    x.dispose();
    expect(pool.pooledBytes).toBe(before);
    tf.dispose([row, matrix]);
  });

  it("is aligned to cache lines", () => {
    const { start, buffer } = backend().pool.take(1000);
    expect(start).toBeLessThan(64);
    expect(buffer.byteLength).toBeGreaterThanOrEqual(1000 + start);
  });

  it("is never used again once it was handed out", async () => {
    const values = [tf.tidy(() => sum(300)), tf.tidy(() => sum(300))];
    const read = [values[0]!.dataSync(), await values[1]!.data()];
    tf.dispose(values);
    for (let i = 0; i < 5; i++) tf.tidy(() => void tf.matMul(tf.fill([1, 300], 7), tf.ones([300, 300])));
    for (const array of read) expect(array.every((value) => value === 300)).toBe(true);
  });

  it("is never used again while a view of it is another tensor", () => {
    // The slice of tfjs-backend-cpu is a view of its input.
    const slice = tf.tidy(() => {
      const cpuSlice = tf.getKernel("Slice", "cpu").kernelFunc;
      const x = sum(300);
      const info = cpuSlice({ inputs: { x }, backend: backend(), attrs: { begin: [0, 100], size: [1, 50] } as never }) as tf.TensorInfo;
      return tf.engine().makeTensorFromTensorInfo(info, backend());
    });
    for (let i = 0; i < 5; i++) tf.tidy(() => void tf.matMul(tf.fill([1, 300], 7), tf.ones([300, 300])));
    expect(slice.dataSync().every((value) => value === 300)).toBe(true);
    slice.dispose();
  });

  it("moves to another backend and back with its values", async () => {
    const x = tf.tidy(() => sum(300));
    await tf.setBackend("cpu");
    const doubled = tf.mul(x, 2);
    expect(doubled.dataSync()[299]).toBe(600);
    await tf.setBackend(nativeBackendName);
    expect(tf.matMul(doubled as tf.Tensor2D, tf.ones([300, 1])).dataSync()[0]).toBe(180_000);
    tf.dispose([x, doubled]);
  });
});
