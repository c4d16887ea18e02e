/** Only for tests: ops that treat every element alike. */
import * as tf from "@tensorflow/tfjs";
import { type BatteryCase, call, numbers, pairs, SHAPES, type Values } from "./battery-case.js";

type Unary = (x: tf.Tensor) => tf.Tensor;
type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const UNARY: Record<string, Unary> = {
  abs: tf.abs, neg: tf.neg, exp: tf.exp, log: tf.log, sqrt: tf.sqrt, rsqrt: tf.rsqrt, square: tf.square, reciprocal: tf.reciprocal, relu: tf.relu, relu6: tf.relu6,
  leakyRelu: (x) => tf.leakyRelu(x, 0.3), sigmoid: tf.sigmoid, tanh: tf.tanh, erf: tf.erf, step: (x) => tf.step(x, 0.25), clip: (x) => tf.clipByValue(x, -0.5, 1.25),
  sin: tf.sin, cos: tf.cos, tan: tf.tan, asin: tf.asin, acos: tf.acos, atan: tf.atan, sinh: tf.sinh, cosh: tf.cosh, asinh: tf.asinh, acosh: tf.acosh, atanh: tf.atanh, expm1: tf.expm1, log1p: tf.log1p,
  softplus: tf.softplus, elu: tf.elu, selu: tf.selu, floor: tf.floor, ceil: tf.ceil, round: (x) => tf.round(tf.mul(x, 2)), sign: tf.sign, isNaN: tf.isNaN, isInf: tf.isInf, isFinite: tf.isFinite,
};

const ARITHMETIC: Record<string, Binary> = { add: tf.add, sub: tf.sub, mul: tf.mul, div: tf.div, maximum: tf.maximum, minimum: tf.minimum, squaredDifference: tf.squaredDifference, pow: tf.pow, prelu: (x, alpha) => tf.prelu(x, alpha) };
const COMPARISONS: Record<string, Binary> = { equal: tf.equal, notEqual: tf.notEqual, greater: tf.greater, greaterEqual: tf.greaterEqual, less: tf.less, lessEqual: tf.lessEqual };

/** Equal, one number, a row, a column, both ways, and axes in between. */
const SHAPE_PAIRS: readonly [number[], number[]][] = [
  [[], []], [[7], [7]], [[1000], []], [[], [13, 5]], [[13, 5], [5]], [[13, 1], [13, 5]], [[13, 1], [1, 5]], [[4, 1, 3], [2, 1]], [[2, 3, 5, 7], [3, 1, 7]],
  [[2, 1, 5, 1], [2, 3, 1, 7]], [[0, 3], [3]], [[0, 3], [1, 3]], [[1, 1], [1]], [[33, 17], [33, 17]], [[1, 40_000], [2, 1]], [[5, 0, 2], [1, 1, 1]],
];

export function batteryOfElements(): BatteryCase[] {
  return [
    ...pairs(Object.entries(UNARY), SHAPES).flatMap(([[name, op], shape]) => (["plain", "special"] as const).map((values) => call(name, [shape, values], () => op(numbers(shape, 1, values))))),
    ...pairs(Object.entries({ ...ARITHMETIC, ...COMPARISONS }), SHAPE_PAIRS).flatMap(([[name, op], shapes]) => binary(name, op, shapes)),
    ...pairs(["float32", "int32", "bool"] as const, ["float32", "int32", "bool"] as const).flatMap(([from, to]) =>
      SHAPES.map((shape) => call("cast", [from, to, shape], () => tf.cast(numbers(shape, 2, "plain", from), to))),
    ),
    call("cast", "large numbers to int32", () => tf.cast(tf.tensor1d([1e9, -2e9, 2147483520, -2147483648, 0.99, -0.99]), "int32")),
    ...SHAPES.flatMap((shape) => [
      call("where", shape, () => tf.where(numbers(shape, 3, "plain", "bool"), numbers(shape, 4, "special"), numbers(shape, 5))),
      call("addN", shape, () => tf.addN([1, 2, 3, 4].map((seed) => numbers(shape, seed)))),
      call("addN of many", shape, () => tf.addN(Array.from({ length: 35 }, (_, seed) => numbers(shape, seed)))),
      call("zerosLike", shape, () => tf.zerosLike(numbers(shape, 1))),
      call("onesLike", shape, () => tf.onesLike(numbers(shape, 1))),
      call("fill", shape, () => tf.fill(shape, 2.5)),
      call("fill", [shape, "int32"], () => tf.fill(shape, 2, "int32")),
    ]),
    ...SHAPES.map((shape) => call("where", [shape, "int32"], () => tf.where(numbers(shape, 3, "plain", "bool"), numbers(shape, 4, "plain", "int32"), numbers(shape, 5, "plain", "int32")))),
    ...SHAPES.map((shape) => call("logicalNot", shape, () => tf.logicalNot(numbers(shape, 1, "plain", "bool")))),
    ...pairs(Object.entries({ and: tf.logicalAnd, or: tf.logicalOr, equal: tf.equal, notEqual: tf.notEqual, less: tf.less } as Record<string, Binary>), SHAPE_PAIRS).map(([[name, op], [a, b]]) =>
      call(`${name} of bools`, [a, b], () => op(numbers(a, 1, "plain", "bool"), numbers(b, 2, "plain", "bool"))),
    ),
    call("cast", "special to bool", () => tf.cast(numbers([100], 1, "special"), "bool")),
    ...[tf.sin, tf.cos, tf.tan].map((op, i) => call("large angles", i, () => op(tf.tensor1d([1e3, -1e4, 12345.678, 131072, 1e6, -7e7, 99999992, 1e8, 1e12, -3e38, 1e-8, 0.785398, 1.570796])))),
    ...[1e-30, 1e-6, 1e-5, 1e-4, 0.01].flatMap((x) =>
      Object.entries({ sinh: tf.sinh, asinh: tf.asinh, atanh: tf.atanh, expm1: tf.expm1, log1p: tf.log1p, tan: tf.tan, asin: tf.asin } as Record<string, Unary>).map(([name, op]) =>
        call(`${name}, relative`, x, () => tf.div(op(tf.tensor1d([x, -x, 1.001 * x])), x)),
      ),
    ),
    ...pairs([-Infinity, -3, -1, -0.5, 0, 0.5, 1, 2, Infinity, Number.NaN], [-Infinity, -3, -2, -0.5, 0, 1, 3, 100, Infinity, Number.NaN]).map(([a, b]) => call("pow of", [String(a), String(b)], () => tf.pow(tf.tensor1d([a]), tf.tensor1d([b])))),
    call("gradient of elu", "", () => tf.grad((x) => tf.sum(tf.square(tf.elu(x))))(numbers([33, 17], 1))),
    call("gradient of pow", "", () => tf.grad((x) => tf.sum(tf.pow(tf.abs(x), numbers([17], 2))))(numbers([33, 17], 1))),
    call("where", "a row of conditions", () => tf.where(numbers([13], 3, "plain", "bool"), numbers([13, 5], 4), numbers([13, 5], 5))),
  ];
}

function binary(name: string, op: Binary, [a, b]: [number[], number[]]): BatteryCase[] {
  const floats = (values: Values) => call(name, [a, b, values], () => op(numbers(a, 1, values), numbers(b, 2, values)));
  const ints = call(name, [a, b, "int32"], () => op(numbers(a, 1, "plain", "int32"), numbers(b, 2, "plain", "int32")));
  return [floats("plain"), floats("special"), ints];
}
