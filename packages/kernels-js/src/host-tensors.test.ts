import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { type CpuBackend, cpuHost } from "./cpu-host.js";
import { floatsOf, type HostTensors, type Matrix, matrixOf } from "./host-tensors.js";
import { multiplyByTransposed, multiplyTransposed } from "./math/products.js";
import { type WasmBackend, wasmHost } from "./wasm-host.js";

setWasmPaths(`${dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"))}/`);

const values = (size: number, seed: number) => Float32Array.from({ length: size }, (_, i) => Math.fround(Math.sin(seed + 1.7 * i)));

describe.each([
  { name: "cpu", hostOf: () => cpuHost(tf.backend() as unknown as CpuBackend) },
  { name: "wasm", hostOf: () => wasmHost(tf.backend() as unknown as WasmBackend) },
])("host tensors on $name", ({ name, hostOf }) => {
  let host: HostTensors;
  beforeAll(async () => {
    await tf.setBackend(name);
    host = hostOf();
  });

  const matrix = (rows: number, columns: number, seed: number): Matrix => {
    const tensor = host.allocate([rows, columns]);
    host.floats(tensor).set(values(rows * columns, seed));
    return matrixOf(tensor);
  };

  /** Checks `out[i, j] = sum over p of left(i, p) right(p, j)` and frees the three matrices. */
  function expectProduct([a, b, out]: [Matrix, Matrix, Matrix], inner: number, left: (i: number, p: number) => number, right: (p: number, j: number) => number) {
    const got = floatsOf(host, out);
    for (let i = 0; i < out.rows; i++) {
      for (let j = 0; j < out.columns; j++) {
        let want = 0;
        for (let p = 0; p < inner; p++) want += left(i, p) * right(p, j);
        expect(Math.abs(got[i * out.columns + j]! - want)).toBeLessThan(1e-5 * (1 + inner));
      }
    }
    for (const { tensor } of [a, b, out]) host.release(tensor);
  }

  it("allocates the shape and dtype asked for, and frees it", () => {
    const before = tf.backend().numDataIds();
    const [x, ids] = [host.allocate([2, 3]), host.allocate([2], "int32")];
    host.ints(ids).set([7, -1]);
    host.floats(x).fill(0.5);
    expect([...host.ints(ids), ...host.floats(x)]).toEqual([7, -1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
    host.release(x);
    host.release(ids);
    expect(tf.backend().numDataIds()).toBe(before);
  });

  it.each([[1, 1, 1], [2, 3, 5], [4, 7, 9], [33, 17, 41], [3, 64, 2], [70, 2, 35]])("multiplies %i x %i by %i columns in all forms", (m, k, n) => {
    const before = tf.backend().numDataIds();
    const a = () => matrix(m, k, 1);
    const [a_mk, b_kn] = [values(m * k, 1), values(k * n, 2)];
    const left = (i: number, p: number) => a_mk[i * k + p]!;
    const right = (p: number, j: number) => b_kn[p * n + j]!;
    const plain: [Matrix, Matrix, Matrix] = [a(), matrix(k, n, 2), matrix(m, n, 3)];
    host.multiply(...plain);
    expectProduct(plain, k, left, right);

    const byTransposed: [Matrix, Matrix, Matrix] = [a(), matrix(n, k, 2), matrix(m, n, 3)];
    multiplyByTransposed(host, ...byTransposed);
    expectProduct(byTransposed, k, left, (p, j) => b_kn[j * k + p]!);

    const transposed: [Matrix, Matrix, Matrix] = [matrix(k, m, 1), matrix(k, n, 2), matrix(m, n, 3)];
    multiplyTransposed(host, ...transposed);
    expectProduct(transposed, k, (i, p) => a_mk[p * m + i]!, right);
    expect(tf.backend().numDataIds()).toBe(before);
  });

  it("multiplies parts of tensors and leaves the rest of the result alone", () => {
    const [a, b, out] = [matrix(4, 2, 1), matrix(3, 2, 2), matrix(5, 2, 3)];
    const want = [...floatsOf(host, out)];
    host.multiply(matrixOf(a.tensor, 1, 2), matrixOf(b.tensor, 1), matrixOf(out.tensor, 2, 2));
    const [x, y] = [floatsOf(host, a), floatsOf(host, b)];
    for (const [i, j] of [[0, 0], [0, 1], [1, 0], [1, 1]] as const) want[4 + 2 * i + j] = x[2 + 2 * i]! * y[2 + j]! + x[3 + 2 * i]! * y[4 + j]!;
    [...floatsOf(host, out)].forEach((got, i) => expect(got).toBeCloseTo(want[i]!, 6));
    for (const { tensor } of [a, b, out]) host.release(tensor);
  });

  it("sees a changed right operand the next time", () => {
    const [a, b, out] = [matrix(5, 1, 1), matrix(1, 1, 2), matrix(5, 1, 3)];
    for (const factor of [2, -3]) {
      floatsOf(host, b)[0] = factor;
      host.multiply(a, b, out);
      expect(floatsOf(host, out)[4]).toBeCloseTo(floatsOf(host, a)[4]! * factor, 6);
    }
    for (const { tensor } of [a, b, out]) host.release(tensor);
  });

  it("gives 0 for sums of no terms", () => {
    const [a, b, out] = [matrix(2, 0, 1), matrix(0, 2, 2), matrix(2, 2, 3)];
    host.multiply(a, b, out);
    expect([...floatsOf(host, out)]).toEqual([0, 0, 0, 0]);
    for (const { tensor } of [a, b, out]) host.release(tensor);
  });
});
