import * as tf from "@tensorflow/tfjs";
import { randomNormal } from "@moekit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { KeyValueCache } from "../generation/key-value-cache.js";
import { BACKENDS, useBackend } from "../testing/fixtures.js";
import { mixWhereBatchIs } from "./batch-among-heads.js";
import { chunkedAttention, keysOfOpenChunk } from "./chunked-attention.js";

const [CHUNK, SCALE, HEADS, WIDTH] = [4, 0.7, 2, 3];
const normal = (length: number, heads: number, stream: string) => tf.tensor4d(randomNormal(2 * length * heads * WIDTH, { seed: 5, stream }), [2, length, heads, WIDTH]);
const closeTo = (got: ArrayLike<number>, want: readonly number[], tolerance: number) => {
  expect(got.length).toBe(want.length);
  want.forEach((value, i) => expect(Math.abs(got[i]! - value), `${i}: ${got[i]} for ${value}`).toBeLessThan(tolerance));
};

type Nested = number[][][][];

/** Query i stands at position `past + i`, keys begin at `first`; both heads read the only key head. */
function byLoop(q: Nested, k: Nested, v: Nested, past: number, first: number): number[] {
  return q.flatMap((sequence, b) =>
    sequence.flatMap((heads, i) =>
      heads.flatMap((query) => {
        const position = past + i;
        const seen = k[b]!.map((_, j) => j).filter((j) => first + j <= position && Math.floor((first + j) / CHUNK) === Math.floor(position / CHUNK));
        const weights = seen.map((j) => Math.exp(SCALE * query.reduce((sum, x, d) => sum + x * k[b]![j]![0]![d]!, 0)));
        const total = weights.reduce((a, w) => a + w, 0);
        return query.map((_, d) => seen.reduce((sum, j, n) => sum + (weights[n]! / total) * v[b]![j]![0]![d]!, 0));
      }),
    ),
  );
}

describe.each(BACKENDS)("chunkedAttention on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it.each([
    [3, 0, 0], // within the first chunk
    [10, 0, 0], // three chunks, the last one open
    [1, 7, 4], // the last key of a chunk
    [6, 6, 4], // two keys are known, queries go into the next chunks
  ])("%d queries after %d positions see their own chunk, keys from position %d", (length, past, first) => {
    const [q, k, v] = [normal(length, HEADS, "q"), normal(past + length - first, 1, "k"), normal(past + length - first, 1, "v")];
    closeTo(chunkedAttention(q, k, v, CHUNK, { scale: SCALE }).dataSync(), byLoop(q.arraySync(), k.arraySync(), v.arraySync(), past, first), 1e-5);
  });

  it("has the gradients of the loops", () => {
    const inputs = [normal(6, HEADS, "q"), normal(6, 1, "k"), normal(6, 1, "v")] as const;
    const weights = normal(6, HEADS, "w");
    const grads = tf.grads((q, k, v) => tf.sum(tf.mul(chunkedAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, CHUNK, { scale: SCALE }), weights)))([...inputs]);
    const nested = inputs.map((tensor) => tensor.arraySync());
    const w = weights.dataSync();
    const loss = (arrays: Nested[]) => byLoop(arrays[0]!, arrays[1]!, arrays[2]!, 0, 0).reduce((sum, y, i) => sum + y * w[i]!, 0);
    grads.forEach((grad, which) => {
      const moved = (b: number, t: number, h: number, d: number, by: number) => {
        const copy = structuredClone(nested);
        copy[which]![b]![t]![h]![d]! += by;
        return loss(copy);
      };
      const want = nested[which]!.flatMap((s, b) => s.flatMap((heads, t) => heads.flatMap((row, h) => row.map((_, d) => (moved(b, t, h, d, 1e-5) - moved(b, t, h, d, -1e-5)) / 2e-5))));
      closeTo(grad.dataSync(), want, 1e-4);
    });
  });

  it("gives the same in pieces of any size, with no more than the open chunk kept", () => {
    const [q, k, v] = [normal(11, HEADS, "q"), normal(11, 1, "k"), normal(11, 1, "v")];
    const whole = chunkedAttention(q, k, v, CHUNK, { scale: SCALE }).dataSync();
    const cache = new KeyValueCache();
    const rows = (x: tf.Tensor4D, from: number, to: number) => tf.slice(x, [0, from, 0, 0], [2, to - from, x.shape[2], WIDTH]);
    const pieces = [[0, 3], [3, 4], [4, 8], [8, 11]].map(([from, to]) => {
      const { key, value } = cache.extend(0, { key: rows(k, from!, to!), value: rows(v, from!, to!) }, keysOfOpenChunk(to!, CHUNK) + 1);
      return mixWhereBatchIs(rows(q, from!, to!), key, (queries) => chunkedAttention(queries, key, value, CHUNK, { scale: SCALE }));
    });
    closeTo(tf.concat(pieces, 1).dataSync(), [...whole], 1e-6);
    expect(cache.extend(0, { key: rows(k, 0, 1), value: rows(v, 0, 1) }).key.shape[1]).toBe((11 % CHUNK) + 1);
    cache.dispose();
  });
});
