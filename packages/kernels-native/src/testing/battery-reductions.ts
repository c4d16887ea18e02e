/** Only for tests: sums, means, extremes and softmax. */
import * as tf from "@tensorflow/tfjs";
import { type BatteryCase, call, numbers, pairs } from "./battery-case.js";

type Reduce = (x: tf.Tensor, axis: number[] | undefined, keepDims: boolean) => tf.Tensor;
const REDUCE: Record<string, Reduce> = { sum: tf.sum, mean: tf.mean, max: tf.max, min: tf.min, prod: tf.prod };

/** Nothing, the first, the last, the middle, some together, and some apart. */
const AXES: readonly [number[], number[] | undefined][] = [
  [[], undefined], [[7], undefined], [[7], [0]], [[13, 5], undefined], [[13, 5], [0]], [[13, 5], [1]], [[13, 5], [-1]], [[2, 3, 5], [1]], [[2, 3, 5], [0, 1]], [[2, 3, 5], [1, 2]],
  [[2, 3, 5], [0, 2]], [[2, 3, 5, 7], [0, 3]], [[2, 1, 5], [1]], [[2, 1, 5], [0, 2]], [[1, 1], [0]], [[70_000], [0]], [[300, 33], [0]], [[33, 300], [1]], [[3, 100, 70], [1]],
];
const EMPTY: readonly [number[], number[]][] = [[[0], [0]], [[0, 3], [0]], [[0, 3], [1]], [[5, 0, 2], [1]]];

const ROWS: readonly number[][] = [[1], [7], [13, 5], [2, 3, 5], [33, 100], [4, 1], [0, 3]];

const SCANS: readonly [number[], number][] = [[[7], 0], [[13, 5], 0], [[13, 5], 1], [[2, 3, 5], 1], [[2, 3, 1030], 1], [[0, 3], 1], [[3, 0], 1], [[1, 1], 0]];

export function batteryOfReductions(): BatteryCase[] {
  // Sums of hundreds of numbers cancel; tfjs-backend-cpu adds in float64, ours in float32 by pieces.
  return cases().map((each) => ({ ...each, tolerance: 1e-5 }));
}

function cases(): BatteryCase[] {
  return [
    ...pairs(Object.entries(REDUCE), AXES).flatMap(([[name, op], [shape, axis]]) =>
      pairs(["plain", name === "max" || name === "min" ? "special" : "summable"] as const, [false, true]).flatMap(([values, keepDims]) =>
        name === "prod" && values !== "plain" ? [] : [call(name, [shape, axis, values, keepDims], () => op(numbers(shape, 1, values), axis, keepDims))],
      ),
    ),
    ...EMPTY.flatMap(([shape, axis]) => [call("sum", [shape, axis], () => tf.sum(numbers(shape, 1), axis)), call("sum", [shape, axis, "int32"], () => tf.sum(numbers(shape, 1, "plain", "int32"), axis))]),
    ...AXES.flatMap(([shape, axis]) => [
      call("sum", [shape, axis, "int32"], () => tf.sum(numbers(shape, 1, "plain", "int32"), axis)),
      call("sum", [shape, axis, "bool"], () => tf.sum(numbers(shape, 1, "plain", "bool"), axis)),
      call("mean", [shape, axis, "int32"], () => tf.mean(numbers(shape, 1, "plain", "int32"), axis)),
      call("logSumExp", [shape, axis], () => tf.logSumExp(numbers(shape, 1), axis)),
    ]),
    ...ROWS.flatMap((shape) => [
      ...(["plain", "special"] as const).map((values) => call("softmax", [shape, values], () => tf.softmax(numbers(shape, 1, values)))),
      call("logSoftmax", shape, () => tf.logSoftmax(numbers(shape, 1))),
      ...(shape.includes(0) ? [] : [call("argMax", shape, () => tf.argMax(numbers(shape, 1), -1)), call("argMin", shape, () => tf.argMin(numbers(shape, 1), -1)), call("argMax", [shape, 0], () => tf.argMax(numbers(shape, 1), 0))]),
    ]),
    ...AXES.flatMap(([shape, axis]) => [
      call("all", [shape, axis], () => tf.all(tf.greater(numbers(shape, 1), -2.9), axis)),
      call("any", [shape, axis], () => tf.any(tf.greater(numbers(shape, 1), 2.9), axis, true)),
    ]),
    ...pairs(["plain", "special"] as const, [[[7], 0], [[13, 5], 0], [[13, 5], 1], [[2, 3, 5], 1], [[2, 300, 70], 1], [[3, 33], -1], [[0, 3], 1]] as [number[], number][]).flatMap(([values, [shape, axis]]) => [
      call("argMax", [shape, axis, values, "axis"], () => tf.argMax(numbers(shape, 1, values), axis)),
      call("argMin", [shape, axis, values, "axis"], () => tf.argMin(numbers(shape, 1, values), axis)),
    ]),
    call("argMax", "NaN", () => tf.argMax(tf.tensor2d([[Number.NaN, 1, 2], [1, Number.NaN, 2], [3, 1, Number.NaN]]), 1)),
    ...pairs(SCANS, pairs([false, true], [false, true])).flatMap(([[shape, axis], [exclusive, reverse]]) => [
      ...(["plain", "special"] as const).map((values) => call("cumsum", [shape, axis, exclusive, reverse, values], () => tf.cumsum(numbers(shape, 1, values), axis, exclusive, reverse))),
      call("cumsum", [shape, axis, exclusive, reverse, "int32"], () => tf.cumsum(numbers(shape, 1, "plain", "int32"), axis, exclusive, reverse)),
      call("cumprod", [shape, axis, exclusive, reverse], () => tf.cumprod(numbers(shape, 1), axis, exclusive, reverse)),
    ]),
    call("argMax", "ties", () => tf.argMax(tf.tensor2d([[1, 3, 3, 2], [0, 0, 0, 0]]), 1)),
  ];
}
