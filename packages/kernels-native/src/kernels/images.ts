import { backend_util, type TensorInfo } from "@tensorflow/tfjs";
import { type Host, type KernelAttrs, lastOf, rowsOf, sizeOf, type TfjsKernels } from "../kernel.js";
import { areFloats, sizesOf } from "./conv.js";

type Info = backend_util.Conv2DInfo;
type Shape = [number, number, number, number];

/** Windows over images that keep channels apart; depthwise filters with more than one output per channel stay with tfjs-backend-cpu. */
export const imageKernels: TfjsKernels = {
  DepthwiseConv2dNative: (host, { x, filter }, attrs) => depthwise(host, "depthwise", x!, filter!, depthwiseInfo(x!.shape, filter!.shape, attrs), "outShape"),
  DepthwiseConv2dNativeBackpropInput: (host, { dy, filter }, attrs) => depthwise(host, "depthwiseInput", dy!, filter!, depthwiseInfo(attrs.inputShape as number[], filter!.shape, attrs), "inShape"),
  DepthwiseConv2dNativeBackpropFilter: (host, { x, dy }, attrs) => depthwise(host, "depthwiseFilter", x!, dy!, depthwiseInfo(x!.shape, attrs.filterShape as number[], attrs), "filterShape"),

  MaxPool: (host, { x }, attrs) => pooled(host, x!, attrs, true),
  AvgPool: (host, { x }, attrs) => pooled(host, x!, attrs, false),

  MaxPoolGrad: ({ backend, native }, { dy, input }, attrs) => {
    if (!areFloats(dy!, input!)) return undefined;
    const dx = backend.allocate(input!.shape);
    native.maxPoolGrad!(backend.floats(dy!), backend.floats(input!), backend.floats(dx), ...sizesOf(poolInfo(input!.shape, attrs)));
    return dx;
  },

  AvgPoolGrad: ({ backend, native }, { dy, input }, attrs) => {
    if (!areFloats(dy!, input!)) return undefined;
    const dx = backend.allocate(input!.shape);
    native.averagePoolGrad!(backend.floats(dy!), backend.floats(dx), ...sizesOf(poolInfo(input!.shape, attrs)));
    return dx;
  },

  /** `(x - mean) scale / sqrt(variance + eps) + offset` with numbers by channel. */
  FusedBatchNorm: ({ backend, native }, { x, mean, variance, offset, scale }, { varianceEpsilon }) => {
    const byChannel = [mean!, variance!, offset, scale].every((tensor) => !tensor || (tensor.dtype === "float32" && sizeOf(tensor.shape) === lastOf(x!)));
    if (!byChannel || x!.dtype !== "float32") return undefined;
    const [C, factors] = [lastOf(x!), scale && backend.floats(scale)];
    const slopes = backend.floats(variance!).map((value, c) => (factors?.[c] ?? 1) / Math.sqrt(value + (varianceEpsilon as number)));
    const y = backend.allocate(x!.shape);
    const out = backend.floats(y);
    const byRow = (number: number, values: Float32Array, row: Float32Array) => native.binary!(number, values, row, out, 2, rowsOf(x!), C, C, 1, 0, 1);
    byRow(SUB, backend.floats(x!), backend.floats(mean!));
    byRow(MULTIPLY, out, slopes);
    if (offset) byRow(ADD, out, backend.floats(offset));
    return y;
  },
};

/** Numbers in `native/elements/elementwise.cc`. */
const [ADD, SUB, MULTIPLY] = [0, 1, 2];

function depthwise({ backend, native }: Host, kernel: string, a: TensorInfo, b: TensorInfo, info: Info, shape: "outShape" | "inShape" | "filterShape"): TensorInfo | undefined {
  if (!areFloats(a, b) || info.outChannels !== info.inChannels) return undefined;
  const out = backend.allocate(info[shape]);
  native[kernel]!(backend.floats(a), backend.floats(b), backend.floats(out), ...sizesOf(info));
  return out;
}

function pooled({ backend, native }: Host, x: TensorInfo, attrs: KernelAttrs, isMax: boolean): TensorInfo | undefined {
  if (!areFloats(x)) return undefined;
  const info = poolInfo(x.shape, attrs);
  // tfjs gives the input itself.
  if (info.filterHeight * info.filterWidth === 1) return undefined;
  const y = backend.allocate(info.outShape);
  native.pool!(backend.floats(x), backend.floats(y), ...sizesOf(info), isMax);
  return y;
}

function depthwiseInfo(inShape: number[], filterShape: number[], { strides, dilations, pad, dimRoundingMode }: KernelAttrs): Info {
  return backend_util.computeConv2DInfo(inShape as Shape, filterShape as Shape, strides as number, (dilations as number | null) ?? 1, pad as "same", dimRoundingMode as "floor" | undefined, true);
}

function poolInfo(inShape: number[], { filterSize, strides, pad, dimRoundingMode }: KernelAttrs): Info {
  return backend_util.computePool2DInfo(inShape as Shape, filterSize as number, strides as number, 1, pad as "same", dimRoundingMode as "floor" | undefined);
}
