import { describeOn } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { uniform } from "./op-case.js";
import { matmul2d } from "./matmul.js";

const FLAG = "WEBGPU_MATMUL_PROGRAM_TYPE";

await describeOn("webgpu", () => {
  let forced: number;
  beforeAll(() => {
    forced = tf.env().getNumber(FLAG);
    tf.env().set(FLAG, -1);
  });
  afterAll(() => tf.env().set(FLAG, forced));

  // tfjs has four kernels: for at most 128 outputs, for sums of 2000 and more in few workgroups, for few workgroups, and for the rest.
  const sizes = [["tiny", 3, 5, 4], ["long sums", 4, 2000, 64], ["small", 13, 7, 12], ["large", 128, 8, 1056]] as const;
  const transposes = [[false, false], [true, false], [false, true], [true, true]] as const;
  const cases = sizes.flatMap(([size, m, p, n]) => transposes.map(([a, b]) => [size, m, p, n, a, b] as const));

  it.each(cases)("matmul2d is right with each kernel that tfjs chooses (%s, %i x %i x %i, transposes %s, %s)", async (_size, m, p, n, transposeA, transposeB) => {
    const a = uniform(transposeA ? [p, m] : [m, p], 1).data;
    const b = uniform(transposeB ? [n, p] : [p, n], 2).data;
    const y = matmul2d(tf.tensor2d(Float32Array.from(a), transposeA ? [p, m] : [m, p]), tf.tensor2d(Float32Array.from(b), transposeB ? [n, p] : [p, n]), transposeA, transposeB);
    const want = new Float64Array(m * n);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        for (let k = 0; k < p; k++) want[i * n + j]! += (transposeA ? a[k * m + i]! : a[i * p + k]!) * (transposeB ? b[j * p + k]! : b[k * n + j]!);
      }
    }
    // Up to 2000 products of numbers below 1 in float32, added in another order.
    expect(await y.data()).toBeCloseToArray(want, 2e-5);
  });
});
