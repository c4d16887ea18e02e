import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { ShapeError } from "../../errors.js";
import { checkPacked, packedBytes, type PackedMatrix } from "../../packed/packed-matrix.js";
import { tidy } from "../../tidy.js";
import { checkTensor } from "../check.js";
import { segmentsOf } from "../segments.js";
import { packedMatmul } from "./packed-matmul.js";

/**
 * `groupedMatmul` with packed weights, as one packed product for each expert: `y[n] = W_e x[n] + b_e` for row n of expert e.
 * Weights are constants: the gradient flows to x and bias.
 *
 * @param x - `[N, I]` float32, rows sorted by expert.
 * @param bank - `[E * O, I]`, the matrices of one expert after the other.
 * @param offsets - `[E + 1]` int32: rows `offsets[e]` to `offsets[e + 1]` belong to expert e.
 * @param bias - `[E, O]` float32.
 * @returns `[N, O]`; rows past `offsets[E]` are 0.
 * @throws ShapeError if the shapes do not fit together.
 * @example packedGroupedMatmul(tf.ones([3, 32]), packMatrix(new Float32Array(4 * 32), [4, 32], q8_0), tf.tensor1d([0, 1, 3], "int32")).shape; // [3, 2]
 */
export function packedGroupedMatmul(x: Tensor2D, bank: PackedMatrix, offsets: Tensor1D, bias?: Tensor2D): Tensor2D {
  const where = { in: "packedGroupedMatmul" };
  checkTensor(offsets, { ...where, name: "offsets", shape: [null], axes: "[E + 1]", dtype: "int32" });
  const [E, [rows, columns]] = [offsets.size - 1, bank.shape];
  const O = rows / E;
  if (E < 1 || !Number.isInteger(O)) throw new ShapeError(`packedGroupedMatmul: bank must be [E * O, I] for the E = ${E} experts of offsets; got [${bank.shape.join(", ")}].`);
  checkTensor(x, { ...where, name: "x", shape: [null, columns], axes: "[N, I]" });
  if (bias) checkTensor(bias, { ...where, name: "bias", shape: [E, O], axes: "[E, O]" });
  checkPacked("packedGroupedMatmul", bank);
  return tidy(() => {
    const segments = segmentsOf(offsets, x.shape[0]);
    return segments.join(O, (expert) => {
      const y = packedMatmul(segments.take(x, expert), rowsOf(bank, expert * O, O)) as Tensor2D;
      return bias ? tf.add(y, tf.slice(bias, [expert, 0], [1, O])) : y;
    });
  });
}

/** Rows of a packed matrix, in the same memory. */
function rowsOf({ format, shape: [, columns], bytes }: PackedMatrix, first: number, count: number): PackedMatrix {
  const rowBytes = packedBytes([1, columns], format);
  return { format, shape: [count, columns], bytes: bytes.subarray(first * rowBytes, (first + count) * rowBytes) };
}
