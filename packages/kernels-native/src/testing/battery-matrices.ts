/** Only for tests: products of matrices. */
import * as tf from "@tensorflow/tfjs";
import { type BatteryCase, call, numbers, pairs } from "./battery-case.js";

/** m, n, k: ones, primes, one more or less than a tile, past a block. */
const SIZES: readonly [number, number, number][] = [
  [1, 1, 1], [1, 7, 5], [3, 1, 4], [2, 33, 300], [5, 16, 8], [6, 17, 1], [7, 15, 9], [8, 16, 7], [13, 31, 257], [97, 3, 2], [100, 50, 11], [3, 0, 2], [0, 3, 2], [130, 70, 40],
];
const BATCHES: readonly [number[], number[]][] = [[[2], [2]], [[3], [1]], [[1], [3]], [[2, 3], [2, 3]], [[2, 3], [1, 1]], [[2, 1], [1, 3]], [[0], [0]]];
/** Products with batches, transposes and none; sums of one input and of three. */
const EINSUMS: readonly [string, ...number[][]][] = [
  ["ij,jk->ik", [3, 4], [4, 5]], ["ij,kj->ik", [3, 4], [5, 4]], ["ji,jk->ki", [4, 3], [4, 5]], ["bhid,bhjd->bhij", [2, 3, 4, 5], [2, 3, 7, 5]], ["bihd,bjhd->bhij", [2, 4, 3, 5], [2, 7, 3, 5]],
  ["bhij,bjhd->bihd", [2, 3, 4, 7], [2, 7, 3, 5]], ["i,j->ij", [3], [4]], ["i,i->", [9], [9]], ["ij,ij->ij", [3, 4], [3, 4]], ["ij,ji->", [3, 4], [4, 3]], ["abc,cd->abd", [2, 3, 4], [4, 5]], ["ijk,kji->j", [2, 3, 4], [4, 3, 2]],
  ["ij->ji", [3, 4]], ["ij->i", [3, 4]], ["ij,k->k", [3, 4], [5]], ["ij,jk,kl->il", [2, 3], [3, 4], [4, 5]], ["aj,jk->ak", [0, 4], [4, 5]],
];
const FLAGS: readonly [boolean, boolean][] = pairs([false, true], [false, true]);

const operand = (batch: readonly number[], rows: number, columns: number, transpose: boolean, seed: number, special = false) =>
  numbers([...batch, ...(transpose ? [columns, rows] : [rows, columns])], seed, special ? "summable" : "plain");

export function batteryOfMatrices(): BatteryCase[] {
  const plain = pairs(SIZES, FLAGS).map(([[m, n, k], [tA, tB]]) => call("matMul", [m, n, k, tA, tB], () => tf.matMul(operand([], m, k, tA, 1), operand([], k, n, tB, 2), tA, tB)));
  const special = pairs(SIZES, FLAGS).map(([[m, n, k], [tA, tB]]) =>
    call("matMul with special values", [m, n, k, tA, tB], () => tf.matMul(operand([], m, k, tA, 1, true), tf.clipByValue(operand([], k, n, tB, 2), -1, 1), tA, tB)),
  );
  const batched = pairs(pairs(BATCHES, FLAGS), [[5, 7, 3], [9, 17, 20]] as const).map(([[[a, b], [tA, tB]], [m, n, k]]) =>
    call("matMul", [a, b, m, n, k, tA, tB], () => tf.matMul(operand(a, m, k, tA, 1), operand(b, k, n, tB, 2), tA, tB)),
  );
  const fused = (["linear", "relu", "sigmoid", "elu"] as const).flatMap((activation) =>
    FLAGS.map(([tA, tB]) =>
      call("fused matMul", [activation, tA, tB], () => tf.fused.matMul({ a: operand([], 5, 6, tA, 1) as tf.Tensor2D, b: operand([], 6, 7, tB, 2) as tf.Tensor2D, transposeA: tA, transposeB: tB, bias: numbers([7], 3), activation })),
    ),
  );
  const others = [
    call("matMul", "int32", () => tf.matMul(numbers([3, 4], 1, "plain", "int32"), numbers([4, 2], 2, "plain", "int32"))),
    call("dot", "", () => tf.dot(numbers([9], 1), numbers([9], 2))),
    ...EINSUMS.map(([equation, ...shapes]) => call("einsum", equation, () => tf.einsum(equation, ...shapes.map((shape, i) => numbers(shape, i + 1))))),
    call("einsum", "int32", () => tf.einsum("ij,jk->ik", numbers([3, 4], 1, "plain", "int32"), numbers([4, 2], 2, "plain", "int32"))),
    call("einsum", "sizes that differ", () => tf.einsum("ij,jk->ik", numbers([3, 4], 1), numbers([5, 2], 2))),
    call("einsum", "", () => tf.einsum("bij,bjk->bik", numbers([2, 3, 4], 1), numbers([2, 4, 5], 2))),
    ...[[1, "same"], [2, "valid"], [1, "valid"]].map(([stride, pad]) => call("conv2d", [stride, pad], () => tf.conv2d(numbers([2, 7, 6, 3], 1) as tf.Tensor4D, numbers([3, 2, 3, 5], 2) as tf.Tensor4D, stride as number, pad as "same"))),
    call("conv2d", "1x1", () => tf.conv2d(numbers([2, 7, 6, 3], 1) as tf.Tensor4D, numbers([1, 1, 3, 5], 2) as tf.Tensor4D, 1, "same")),
    call("conv2d", "dilated", () => tf.conv2d(numbers([1, 9, 9, 2], 1) as tf.Tensor4D, numbers([3, 3, 2, 4], 2) as tf.Tensor4D, 1, "valid", "NHWC", 2)),
    ...(["linear", "relu", "relu6", "sigmoid", "elu"] as const).map((activation) =>
      call("fused conv2d", activation, () => tf.fused.conv2d({ x: numbers([2, 7, 6, 3], 1) as tf.Tensor4D, filter: numbers([3, 2, 3, 5], 2) as tf.Tensor4D, strides: 1, pad: "same", bias: numbers([5], 3) as tf.Tensor1D, activation })),
    ),
    ...[[1, 1, 3], [9, 3, 1], [40, 3, 16]].map(([size, filter, channels]) => call("conv2d of one image", [size, filter, channels], () => tf.conv2d(numbers([1, size!, size!, channels!], 1) as tf.Tensor4D, numbers([filter!, filter!, channels!, 7], 2) as tf.Tensor4D, 1, "same"))),
    call("conv2d", "padded by hand", () => tf.conv2d(numbers([1, 5, 5, 2], 1) as tf.Tensor4D, numbers([3, 3, 2, 4], 2) as tf.Tensor4D, 2, [[0, 0], [2, 1], [0, 2], [0, 0]])),
    call("depthwiseConv2d", "", () => tf.depthwiseConv2d(numbers([2, 7, 6, 3], 1) as tf.Tensor4D, numbers([3, 2, 3, 2], 2) as tf.Tensor4D, 1, "same")),
    call("conv2dTranspose", "", () => tf.conv2dTranspose(numbers([1, 4, 4, 5], 1) as tf.Tensor4D, numbers([3, 3, 2, 5], 2) as tf.Tensor4D, [1, 8, 8, 2], 2, "same")),
  ];
  // Sums of up to 300 products of numbers up to 3: cancellation leaves errors well above those of the numbers themselves, up to
  // half a unit in the last place (6e-8) of the sum of their sizes (300 x 2.25), and some more without fused multiply-add.
  return [...plain, ...special, ...batched, ...fused, ...others].map((each) => ({ ...each, tolerance: 5e-5 }));
}
