import * as tf from "@tensorflow/tfjs";
import { tidy } from "@moekit/core";
import { nativeBackendName, registerNativeBackend } from "@moekit/kernels-native";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, useBackend } from "../testing/fixtures.js";
import { whyNot } from "../testing/why-not.js";
import { growingRows } from "./growing-rows.js";

const WIDTH = 3;

describe.each([...BACKENDS, ...(whyNot(registerNativeBackend) ? [] : [nativeBackendName])])("growingRows on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it("is what an array of rows is, however many come and go, and leaves nothing behind", () => {
    const before = tf.memory().numTensors;
    const step = fc.record({ count: fc.integer({ min: 1, max: 90 }), kept: fc.option(fc.nat(100)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const growing = growingRows();
        let [next, want]: [number, number[][]] = [0, []];
        for (const { count, kept } of steps) {
          const added = Array.from({ length: count }, () => [next++, next++, next++]);
          want.push(...added);
          expect(tf.tidy(() => growing.append(tf.tensor2d(added)).arraySync())).toEqual(want);
          if (kept === null) continue;
          tf.tidy(() => growing.keepLast(kept));
          want = kept === 0 ? [] : want.slice(-kept);
        }
        growing.dispose();
      }),
      { numRuns: 60, seed: 1 },
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it("lets a gradient through to the rows that are added", () => {
    const growing = growingRows();
    tf.tidy(() => growing.append(tf.ones([2, WIDTH])));
    const grad = tf.tidy(() => tf.grad((x) => tf.sum(tf.square(growing.append(x as tf.Tensor2D))))(tf.fill([1, WIDTH], 4)).arraySync());
    expect(grad).toEqual([[8, 8, 8]]);
    expect(tf.tidy(() => growing.append(tf.zeros([1, WIDTH])).arraySync())).toEqual([[1, 1, 1], [1, 1, 1], [4, 4, 4], [0, 0, 0]]);
    growing.dispose();
  });
});

it("on the cpu backend adds rows where there is room, and gives it back after a long prompt under a short window", async () => {
  await useBackend("cpu");
  const growing = growingRows();
  const memoryOf = (x: tf.Tensor) => x.dataSync().buffer as ArrayBuffer;
  const append = (count: number) => tidy(() => ({ memory: memoryOf(growing.append(tf.ones([count, WIDTH]))) })).memory;
  const first = append(100);
  expect(first.byteLength).toBe(150 * WIDTH * 4);
  expect(append(50)).toBe(first);
  expect(append(1)).not.toBe(first);
  growing.keepLast(8);
  expect(append(1).byteLength).toBe(64 * WIDTH * 4);
  growing.dispose();
});
