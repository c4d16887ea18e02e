/** Only for tests: ops that move elements. */
import * as tf from "@tensorflow/tfjs";
import { type BatteryCase, call, indices, numbers, pairs } from "./battery-case.js";

const TYPES = ["float32", "int32", "bool"] as const;
const PERMUTED: readonly [number[], number[]][] = [
  [[], []], [[7], [0]], [[13, 5], [1, 0]], [[13, 5], [0, 1]], [[64, 65], [1, 0]], [[2, 3, 5], [0, 2, 1]], [[2, 3, 5], [2, 1, 0]], [[2, 3, 5], [1, 2, 0]], [[2, 3, 5, 7], [0, 2, 1, 3]],
  [[2, 3, 5, 7], [3, 1, 0, 2]], [[2, 3, 17, 9], [0, 1, 3, 2]], [[2, 1, 5, 3], [3, 2, 1, 0]], [[0, 3], [1, 0]], [[2, 1, 2, 3, 1, 2], [5, 4, 3, 2, 1, 0]], [[20, 30, 10], [2, 0, 1]],
];
const SLICES: readonly [number[], number[], number[]][] = [
  [[7], [2], [3]], [[7], [0], [7]], [[7], [3], [0]], [[7], [3], [-1]], [[13, 5], [2, 1], [4, 3]], [[13, 5], [2, 0], [4, 5]], [[13, 5], [0, 4], [13, 1]], [[2, 3, 5], [1, 0, 2], [1, 3, 2]], [[2, 3, 5, 7], [0, 1, 2, 3], [2, 2, 2, 2]], [[0, 3], [0, 1], [0, 2]],
];
const CONCATS: readonly [number[][], number][] = [[[[3], [4]], 0], [[[2, 3], [5, 3]], 0], [[[2, 3], [2, 1], [2, 4]], 1], [[[2, 3], [2, 0]], 1], [[[2, 3, 5], [2, 1, 5]], 1], [[[2, 3, 5], [2, 3, 2]], -1], [[[0, 3], [2, 3]], 0]];
const GATHERS: readonly [number[], number[], number][] = [[[7], [3], 0], [[7, 5], [4], 0], [[7, 5], [4], 1], [[7, 5], [2, 3], 0], [[2, 7, 3], [4], 1], [[2, 7, 3], [2, 2], -1], [[7, 5], [0], 0], [[7, 1000], [50], 0]];

type Strided = [number[], number[], number[], number[]?, number?, number?, number?, number?, number?];
const STRIDED: readonly Strided[] = [
  [[9, 8], [1, 0], [8, 7], [1, 1]], [[9, 8], [8, 7], [0, 0], [-1, -2]], [[9, 8], [-1, -1], [-9, -9], [-3, -1]], [[9, 8], [0, 0], [9, 8], [1, 1]], [[9, 8], [3, 0], [3, 8], [1, 1]], [[2, 3, 5], [0, 2, 0], [2, 0, 5], [1, -1, 3]],
  [[9, 8], [2, 3], [5, 6], [1, 1], 0, 0, 0, 0, 1], [[9, 8], [2, 3], [5, 4], [2, 2], 1, 2], [[9, 8], [2, 0], [5, 3], [2, 1], 0, 0, 0, 2], [[2, 3, 5], [0, 4], [2, 1], [1, -2], 0, 0, 2], [[7], [6], [0], [-2], 0, 1],
];
const REVERSED: readonly [number[], number[]][] = [[[7], [0]], [[13, 5], [0]], [[13, 5], [1]], [[13, 5], [0, 1]], [[2, 3, 5], [1]], [[2, 3, 5], [-1, 0]], [[33, 17], [1]], [[0, 3], [0, 1]], [[1, 4], [0]]];
/** A tensor, and the shape of the indices into it. */
const ROWS: readonly [number[], number[]][] = [[[7], [4, 1]], [[7, 5], [4, 1]], [[7, 5], [9, 2]], [[3, 4, 5], [6, 2]], [[3, 4, 5], [2, 3, 3]], [[3, 100], [300, 1]]];

const cells = (shape: readonly number[], ids: readonly number[]): tf.Tensor => tf.stack(shape.slice(0, ids.at(-1)).map((length, axis) => indices(ids.slice(0, -1), length, axis + 5)), -1);

export function batteryOfCopies(): BatteryCase[] {
  return TYPES.flatMap((dtype) => [
    ...PERMUTED.map(([shape, perm]) => call("transpose", [shape, perm, dtype], () => tf.transpose(numbers(shape, 1, "plain", dtype), perm))),
    ...SLICES.map(([shape, begin, size]) => call("slice", [shape, begin, size, dtype], () => tf.slice(numbers(shape, 1, "plain", dtype), begin, size))),
    ...CONCATS.map(([shapes, axis]) => call("concat", [shapes, axis, dtype], () => tf.concat(shapes.map((shape, i) => numbers(shape, i, "plain", dtype)), axis))),
    ...GATHERS.map(([shape, ids, axis]) => call("gather", [shape, ids, axis, dtype], () => tf.gather(numbers(shape, 1, "plain", dtype), indices(ids, shape.at(axis)!, 2), axis))),
    ...pairs([[], [3], [2, 3]] as number[][], [0, -1]).map(([shape, axis]) => call("stack", [shape, axis, dtype], () => tf.stack([1, 2, 3].map((seed) => numbers(shape, seed, "plain", dtype)), axis))),
    ...[0, 1].map((axis) => call("unstack", [axis, dtype], () => tf.unstack(numbers([3, 4, 2], 1, "plain", dtype), axis))),
    ...[0, 1].map((axis) => call("split", [axis, dtype], () => tf.split(numbers([6, 4], 1, "plain", dtype), axis === 0 ? [1, 2, 3] : 2, axis))),
    ...STRIDED.map(([shape, ...rest]) => call("stridedSlice", [shape, ...rest, dtype], () => tf.stridedSlice(numbers(shape, 1, "plain", dtype), ...rest))),
    ...REVERSED.map(([shape, dims]) => call("reverse", [shape, dims, dtype], () => tf.reverse(numbers(shape, 1, "plain", dtype), dims))),
    ...ROWS.flatMap(([shape, ids]) => [
      call("gatherND", [shape, ids, dtype], () => tf.gatherND(numbers(shape, 1, "plain", dtype), cells(shape, ids))),
      call("scatterND", [shape, ids, dtype], () => tf.scatterND(cells(shape, ids), numbers([...ids.slice(0, -1), ...shape.slice(ids.at(-1))], 1, "plain", dtype), shape)),
      call("tensorScatterUpdate", [shape, ids, dtype], () => tf.tensorScatterUpdate(numbers(shape, 1, "plain", dtype), cells(shape, ids), numbers([...ids.slice(0, -1), ...shape.slice(ids.at(-1))], 2, "plain", dtype))),
    ]),
    call("split", ["uneven", dtype], () => tf.split(numbers([2, 7, 3], 1, "plain", dtype), [4, 0, 3], 1)),
    call("split", ["the rest", dtype], () => tf.split(numbers([2, 7, 3], 1, "plain", dtype), [4, -1], -2)),
    call("unstack", ["last", dtype], () => tf.unstack(numbers([3, 4, 2], 1, "plain", dtype), -1)),
    call("unstack", ["nothing", dtype], () => tf.unstack(numbers([3, 0], 1, "plain", dtype), 0)),
    call("stridedSlice", dtype, () => tf.stridedSlice(numbers([9, 8], 1, "plain", dtype), [1, 0], [8, 7], [2, 3])),
    call("reverse", dtype, () => tf.reverse(numbers([3, 4, 2], 1, "plain", dtype), [0, 2])),
    ...[[[7], [3]], [[2, 3], [1, 2]], [[2, 3, 2], [2, 1, 3]], [[1, 5], [4, 1]], [[2, 3], [0, 1]]].map(([shape, reps]) => call("tile", [shape, reps, dtype], () => tf.tile(numbers(shape!, 1, "plain", dtype), reps!))),
  ]).concat(
    [[[7], [[1, 2]]], [[2, 3], [[0, 0], [2, 1]]], [[2, 3], [[1, 0], [0, 3]]], [[2, 0], [[1, 1], [1, 1]]]].flatMap(([shape, pads]) => [
      call("pad", [shape, pads], () => tf.pad(numbers(shape as number[], 1), pads as [number, number][], 1.5)),
      call("pad", [shape, pads, "int32"], () => tf.pad(numbers(shape as number[], 1, "plain", "int32"), pads as [number, number][], 2)),
    ]),
    [[7], [7, 3], [7, 2, 3], [0, 3], [100, 130]].map((shape) => call("unsortedSegmentSum", shape, () => tf.unsortedSegmentSum(numbers(shape, 1), indices([shape[0]!], 5, 2) as tf.Tensor1D, 5))),
    [call("unsortedSegmentSum", "ids of no segment", () => tf.unsortedSegmentSum(numbers([4, 2], 1), tf.tensor1d([0, -1, 7, 1], "int32"), 2))],
    [[5, 3], [5]].map((shape) => call("scatterND", shape, () => tf.scatterND(tf.tensor2d([[4], [0], [4]], [3, 1], "int32"), numbers([3, ...shape.slice(1)], 1), shape))),
    [[[5]], [[-1]], [[0, 9]]].map((ids) => call("gatherND out of range", ids, () => tf.gatherND(numbers([5, 3], 1), tf.tensor2d(ids, undefined, "int32")))),
    [[[5]], [[-1]]].map((ids) => call("scatterND out of range", ids, () => tf.scatterND(tf.tensor2d(ids, undefined, "int32"), numbers([1, 3], 1), [5, 3]))),
    [call("gatherND", "", () => tf.gatherND(numbers([4, 3], 1), tf.tensor2d([[1, 2], [3, 0]], [2, 2], "int32")))],
  );
}
