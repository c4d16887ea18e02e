import { PLAIN_BACKENDS, useBackend } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { packMatrix, unpackRows } from "../../packed/index.js";
import { q8_0 } from "../../packed.js";
import { randomNormal } from "../../random.js";
import { groupedMatmul } from "../grouped-matmul/grouped-matmul.js";
import { packedGroupedMatmul } from "./packed-grouped-matmul.js";

const [E, O, I, N] = [3, 5, 32, 7];
const normal = (rows: number, columns: number, stream: string) => tf.tensor2d(randomNormal(rows * columns, { seed: 2, stream }), [rows, columns]);
const bank = packMatrix(randomNormal(E * O * I, { seed: 2, stream: "w" }), [E * O, I], q8_0);
/** Expert 1 has no rows, two rows belong to nobody. */
const offsets = () => tf.tensor1d([0, 2, 2, 5], "int32");

const differ = (got: tf.Tensor, want: tf.Tensor) => tf.max(tf.abs(tf.sub(got, want))).dataSync()[0]!;

describe.each(PLAIN_BACKENDS)("packedGroupedMatmul on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("equals groupedMatmul with the unpacked weights, in output and gradients", () => {
    const w = tf.tensor3d(unpackRows(bank), [E, O, I]);
    const [x, bias, weights] = [normal(N, I, "x"), normal(E, O, "b"), normal(N, O, "loss")];
    const results = [
      (a: Tensor2D, b: Tensor2D) => packedGroupedMatmul(a, bank, offsets(), b),
      (a: Tensor2D, b: Tensor2D) => groupedMatmul(a, w, offsets(), b),
    ].map((product) => tf.valueAndGrads((a, b) => tf.sum(tf.mul(product(a as Tensor2D, b as Tensor2D), weights)))([x, bias]));
    expect(differ(packedGroupedMatmul(x, bank, offsets(), bias), groupedMatmul(x, w, offsets(), bias))).toBeLessThan(2e-5);
    [0, 1].forEach((i) => expect(differ(results[0]!.grads[i]!, results[1]!.grads[i]!)).toBeLessThan(2e-5));
    expect(packedGroupedMatmul(x, bank, offsets(), bias).arraySync().slice(5)).toEqual([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]);
  });

  it("leaves no tensors behind but its output", () => {
    const [x, ends] = [normal(N, I, "x"), offsets()];
    const before = tf.memory().numTensors;
    packedGroupedMatmul(x, bank, ends).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("packedGroupedMatmul", () => {
  it("names what does not fit", () => {
    expect(() => packedGroupedMatmul(normal(N, I, "x"), bank, tf.tensor1d([0, 2, 7], "int32"))).toThrow("packedGroupedMatmul: bank must be [E * O, I] for the E = 2 experts of offsets; got [15, 32]");
    expect(() => packedGroupedMatmul(normal(N, 8, "x"), bank, offsets())).toThrow("packedGroupedMatmul: x must be [N, I] = [any, 32]; got [7, 8]");
    expect(() => packedGroupedMatmul(normal(N, I, "x"), bank, offsets(), normal(2, 2, "b"))).toThrow("packedGroupedMatmul: bias must be [E, O] = [3, 5]; got [2, 2]");
  });
});
