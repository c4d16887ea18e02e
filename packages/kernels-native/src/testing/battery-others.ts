/** Only for tests: a sample of the ops that stay with tfjs-backend-cpu, which must go on working among ours. */
import * as tf from "@tensorflow/tfjs";
import { type BatteryCase, call, indices, numbers } from "./battery-case.js";

type Unary = (x: tf.Tensor) => tf.Tensor;

const FLOATS: Record<string, Unary> = {
  sin: tf.sin, cos: tf.cos, tan: tf.tan, atan: tf.atan, sinh: tf.sinh, cosh: tf.cosh, asinh: tf.asinh, floor: tf.floor, ceil: tf.ceil, round: tf.round, sign: tf.sign, log1p: tf.log1p, expm1: tf.expm1, softplus: tf.softplus,
  elu: tf.elu, selu: tf.selu, isNaN: tf.isNaN, isFinite: tf.isFinite, isInf: tf.isInf, cumsum: (x) => tf.cumsum(x, x.rank - 1), cumprod: (x) => tf.cumprod(x, x.rank - 1),
  topkValues: (x) => tf.topk(x, 3).values, topkIds: (x) => tf.topk(x, 3).indices, norm: (x) => tf.norm(x), clone: tf.clone, all: (x) => tf.all(tf.greater(x, -9)), any: (x) => tf.any(tf.greater(x, 2)),
};

/** Images, size and step of the window, padding. */
const WINDOWS: readonly [[number, number, number, number], number, number, "same" | "valid"][] = [
  [[2, 6, 6, 3], 2, 2, "same"], [[2, 7, 5, 3], 3, 1, "same"], [[2, 7, 5, 17], 3, 2, "valid"], [[1, 5, 5, 1], 3, 2, "same"], [[3, 4, 4, 33], 1, 1, "valid"], [[0, 4, 4, 2], 2, 1, "valid"],
];

export function batteryOfOthers(): BatteryCase[] {
  const image = (seed: number) => numbers([2, 6, 6, 3], seed) as tf.Tensor4D;
  return [
    ...Object.entries(FLOATS).flatMap(([name, op]) => [[7], [4, 9], [2, 3, 5]].map((shape) => call(name, shape, () => op(numbers(shape, 1))))),
    ...[tf.pow, tf.floorDiv, tf.mod, tf.atan2, tf.prelu].map((op, i) => call("binary", i, () => op(numbers([3, 4], 1).abs() as never, numbers([3, 4], 2).abs().add(1) as never) as tf.Tensor)),
    ...[tf.logicalAnd, tf.logicalOr, tf.logicalXor].map((op, i) => call("logical", i, () => op(numbers([3, 4], 1, "plain", "bool"), numbers([4], 2, "plain", "bool")))),
    call("logicalNot", "", () => tf.logicalNot(numbers([3, 4], 1, "plain", "bool"))),
    call("oneHot", "", () => tf.oneHot(indices([5], 4, 1), 4)),
    call("range", "", () => tf.range(3, 30, 4)),
    call("linspace", "", () => tf.linspace(0, 1, 7)),
    call("eye", "", () => tf.eye(5)),
    ...WINDOWS.flatMap(([shape, size, stride, pad]) => {
      const x = () => numbers(shape, 1) as tf.Tensor4D;
      const filter = (multiplier: number) => numbers([size, size, shape[3], multiplier], 2) as tf.Tensor4D;
      const weighted = (y: tf.Tensor) => tf.sum(tf.mul(y, numbers(y.shape, 7)));
      return [
        call("maxPool", [shape, size, stride, pad], () => tf.maxPool(x(), size, stride, pad)),
        call("maxPool with special values", [shape, size, stride, pad], () => tf.maxPool(numbers(shape, 1, "special") as tf.Tensor4D, size, stride, pad)),
        call("avgPool", [shape, size, stride, pad], () => tf.avgPool(x(), size, stride, pad)),
        call("gradient of maxPool", [shape, size, stride, pad], () => tf.grad((t) => weighted(tf.maxPool(t as tf.Tensor4D, size, stride, pad)))(x())),
        call("gradient of maxPool with ties", [shape, size, stride, pad], () => tf.grad((t) => weighted(tf.maxPool(tf.relu(t) as tf.Tensor4D, size, stride, pad)))(x())),
        call("gradient of avgPool", [shape, size, stride, pad], () => tf.grad((t) => weighted(tf.avgPool(t as tf.Tensor4D, size, stride, pad)))(x())),
        ...[1, 2].flatMap((multiplier) => [
          call("depthwiseConv2d", [shape, size, stride, pad, multiplier], () => tf.depthwiseConv2d(x(), filter(multiplier), stride, pad)),
          call("gradient of depthwiseConv2d", [shape, size, stride, pad, multiplier], () => tf.grads((a, b) => weighted(tf.depthwiseConv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, pad)))([x(), filter(multiplier)])),
        ]),
      ].map((each) => ({ ...each, tolerance: 2e-5 }));
    }),
    call("depthwiseConv2d", "dilated", () => tf.depthwiseConv2d(numbers([1, 9, 9, 17], 1) as tf.Tensor4D, numbers([3, 3, 17, 1], 2) as tf.Tensor4D, 1, "valid", "NHWC", 2)),
    call("batchNorm", "many channels", () => tf.batchNorm(numbers([2, 3, 3, 17], 1) as tf.Tensor4D, numbers([17], 2) as tf.Tensor1D, numbers([17], 3).abs() as tf.Tensor1D, numbers([17], 4) as tf.Tensor1D, numbers([17], 5) as tf.Tensor1D, 1e-3)),
    call("batchNorm", "of each element", () => tf.batchNorm(numbers([4, 9], 1) as tf.Tensor2D, numbers([4, 9], 2) as tf.Tensor2D, numbers([4, 9], 3).abs() as tf.Tensor2D)),
    call("maxPool", "", () => tf.maxPool(image(1), 2, 2, "same")),
    call("avgPool", "", () => tf.avgPool(image(1), 3, 1, "valid")),
    call("batchNorm", "", () => tf.batchNorm(image(1), numbers([3], 2) as tf.Tensor1D, numbers([3], 3).abs() as tf.Tensor1D)),
    call("resizeBilinear", "", () => tf.image.resizeBilinear(image(1), [9, 4])),
    call("resizeNearest", "", () => tf.image.resizeNearestNeighbor(image(1), [9, 4])),
    call("spaceToBatch", "", () => tf.spaceToBatchND(image(1), [2, 2], [[0, 0], [0, 0]])),
    call("depthToSpace", "", () => tf.depthToSpace(numbers([1, 2, 2, 12], 1) as tf.Tensor4D, 2)),
    call("unique", "", () => tf.unique(tf.tensor1d([3, 1, 3, 2, 1])).values),
    call("booleans", "", () => tf.where(tf.greater(numbers([4, 5], 1), 0), tf.zeros([4, 5]), tf.ones([4, 5]))),
    call("bincount", "", () => tf.bincount(indices([9], 4, 1) as tf.Tensor1D, tf.tensor1d([]), 5)),
    call("complex", "", () => tf.abs(tf.complex(numbers([7], 1), numbers([7], 2)))),
    call("fft", "", () => tf.real(tf.spectral.fft(tf.complex(numbers([8], 1), numbers([8], 2))))),
    call("mirrorPad", "", () => tf.mirrorPad(numbers([3, 4], 1), [[1, 1], [2, 1]], "reflect")),
    call("localResponseNormalization", "", () => tf.localResponseNormalization(image(1))),
    call("searchSorted", "", () => tf.searchSorted(tf.tensor1d([1, 3, 5, 7]), tf.tensor1d([0, 3, 8]))),
    call("setdiff", "", () => tf.tensorScatterUpdate(numbers([5], 1), tf.tensor2d([[1], [3]], [2, 1], "int32"), numbers([2], 2))),
    ...gradients(),
  ];
}

/** Gradients of compositions, which call kernels that no op calls. */
function gradients(): BatteryCase[] {
  const through = (name: string, shape: number[], f: (x: tf.Tensor) => tf.Tensor) => call("gradient of", name, () => tf.grad((x) => tf.sum(f(x)))(numbers(shape, 1)));
  const w = () => numbers([5, 4], 9);
  return [
    through("softmax", [3, 5], (x) => tf.mul(tf.softmax(x), numbers([3, 5], 2))),
    through("logSoftmax", [3, 5], (x) => tf.mul(tf.logSoftmax(x), numbers([3, 5], 2))),
    through("matMul", [3, 5], (x) => tf.square(tf.matMul(x, w()))),
    through("matMul^T", [5, 3], (x) => tf.square(tf.matMul(x, w(), true))),
    through("relu", [3, 5], tf.relu),
    through("sigmoid tanh", [3, 5], (x) => tf.mul(tf.sigmoid(x), tf.tanh(x))),
    through("elu selu", [3, 5], (x) => tf.add(tf.elu(x), tf.selu(x))),
    through("div broadcast", [3, 1], (x) => tf.div(numbers([3, 5], 2), tf.add(tf.square(x), 1))),
    through("mean", [3, 5], (x) => tf.square(tf.mean(x, 0))),
    through("max", [3, 5], (x) => tf.square(tf.max(x, 1))),
    through("logSumExp", [3, 5], (x) => tf.logSumExp(x, 1)),
    through("concat slice", [3, 5], (x) => tf.square(tf.concat([tf.slice(x, [0, 1], [3, 2]), x], 1))),
    through("transpose pad", [3, 5], (x) => tf.mul(tf.pad(tf.transpose(x), [[1, 1], [0, 2]]), numbers([7, 5], 2))),
    through("gather", [7, 5], (x) => tf.square(tf.gather(x, tf.tensor1d([1, 1, 6], "int32")))),
    through("stack unstack", [3, 5], (x) => tf.square(tf.stack(tf.unstack(x).reverse()))),
    through("tile split", [2, 6], (x) => tf.square(tf.add(...(tf.split(tf.tile(x, [2, 1]), 2, 1) as [tf.Tensor, tf.Tensor])))),
    through("conv2d", [1, 5, 5, 2], (x) => tf.square(tf.conv2d(x as tf.Tensor4D, numbers([3, 3, 2, 4], 2) as tf.Tensor4D, 1, "same"))),
    through("conv2d's filter", [3, 3, 2, 4], (x) => tf.square(tf.conv2d(numbers([1, 5, 5, 2], 2) as tf.Tensor4D, x as tf.Tensor4D, 2, "valid"))),
    through("maxPool", [1, 4, 4, 2], (x) => tf.square(tf.maxPool(x as tf.Tensor4D, 2, 2, "valid"))),
    through("erf", [3, 5], tf.erf),
    through("pow", [3, 5], (x) => tf.pow(tf.add(tf.square(x), 1), 1.5)),
    through("cumsum", [3, 5], (x) => tf.square(tf.cumsum(x, 1))),
    through("prod", [5], (x) => tf.prod(x)),
    through("clip", [3, 5], (x) => tf.square(tf.clipByValue(x, -1, 1))),
    through("rsqrt", [3, 5], (x) => tf.rsqrt(tf.add(tf.square(x), 1))),
  ];
}
