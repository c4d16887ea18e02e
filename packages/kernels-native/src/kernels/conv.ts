import { backend_util, type TensorInfo } from "@tensorflow/tfjs";
import { type Host, type KernelAttrs, sizeOf, type TfjsKernels } from "../kernel.js";
import { activationNumber } from "./elementwise.js";

type ConvInfo = backend_util.Conv2DInfo;

/** Convolutions of images `[B, H, W, I]`, and their backward forms; other layouts stay with tfjs-backend-cpu. */
export const convKernels: TfjsKernels = {
  Conv2D: (host, { x, filter }, attrs) => {
    const info = infoOf(x!.shape, filter!.shape, attrs, attrs.dilations as number);
    return info && areFloats(x!, filter!) ? run(host, "conv2d", x!, filter!, info.outShape, info) : undefined;
  },

  Conv2DBackpropInput: (host, { dy, filter }, attrs) => {
    const info = infoOf(attrs.inputShape as number[], filter!.shape, attrs);
    return info && areFloats(dy!, filter!) ? run(host, "conv2dInput", dy!, filter!, info.inShape, info) : undefined;
  },

  Conv2DBackpropFilter: (host, { x, dy }, attrs) => {
    const info = infoOf(x!.shape, attrs.filterShape as number[], attrs);
    return info && areFloats(x!, dy!) ? run(host, "conv2dFilter", x!, dy!, info.filterShape, info) : undefined;
  },

  FusedConv2D: (host, { x, filter, bias, preluActivationWeights }, attrs) => {
    const info = infoOf(x!.shape, filter!.shape, attrs, attrs.dilations as number);
    const activation = activationNumber(attrs.activation as string | undefined);
    const fits = info && activation !== undefined && !preluActivationWeights && areFloats(x!, filter!) && (!bias || sizeOf(bias.shape) === info.outChannels);
    if (!fits) return undefined;
    const y = run(host, "conv2d", x!, filter!, info.outShape, info);
    const { backend, native } = host;
    const [values, size] = [backend.floats(y), sizeOf(y.shape)];
    if (bias) native.binary!(0, values, backend.floats(bias), values, 2, size / info.outChannels, info.outChannels, info.outChannels, 1, 0, 1);
    if (activation !== null) native.unary!(activation, values, values, size, 0, 0);
    return y;
  },
};

export const areFloats = (...tensors: TensorInfo[]): boolean => tensors.every(({ dtype }) => dtype === "float32");

function infoOf(inShape: number[], filterShape: number[], { strides, pad, dataFormat, dimRoundingMode }: KernelAttrs, dilations: number | [number, number] = 1): ConvInfo | undefined {
  if (dataFormat !== "NHWC") return undefined;
  return backend_util.computeConv2DInfo(inShape as [number, number, number, number], filterShape as [number, number, number, number], strides as number, dilations, pad as "same", dimRoundingMode as "floor" | undefined);
}

function run({ backend, native }: Host, kernel: string, a: TensorInfo, b: TensorInfo, shape: readonly number[], info: ConvInfo): TensorInfo {
  const out = backend.allocate(shape);
  native[kernel]!(backend.floats(a), backend.floats(b), backend.floats(out), ...sizesOf(info));
  return out;
}

/** The arguments that `native/kernels/convolution.h` reads. */
export function sizesOf(info: ConvInfo): number[] {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterHeight, filterWidth, strideHeight, strideWidth, dilationHeight, dilationWidth, padInfo } = info;
  return [batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterHeight, filterWidth, strideHeight, strideWidth, dilationHeight, dilationWidth, padInfo.top, padInfo.left];
}
