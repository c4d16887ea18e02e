import { backend_util, slice_util, type TensorInfo, util } from "@tensorflow/tfjs";
import { type Host, sizeOf, type TfjsKernels } from "../kernel.js";
import { copied, copyable, offsetOf, stridesOf } from "./copy.js";

/** Parts of a tensor, forwards and backwards: copies from strides that tfjs describes in words of its own. */
export const pieceKernels: TfjsKernels = {
  SplitV: (host, { x }, { numOrSizeSplits, axis }) => {
    const at = util.parseAxisParam(axis as number, x!.shape)[0]!;
    return copyable(x!) ? parts(host, x!, backend_util.prepareSplitSize(x as never, numOrSizeSplits as number[], at), at) : undefined;
  },

  Unpack: (host, { value }, { axis }) => {
    const at = util.parseAxisParam(axis as number, value!.shape)[0]!;
    if (!copyable(value!)) return undefined;
    const slices = parts(host, value!, new Array<number>(value!.shape[at]!).fill(1), at);
    return slices.map((part) => ({ ...part, shape: part.shape.filter((_, i) => i !== at) }));
  },

  Reverse: (host, { x }, { dims }) => {
    if (!copyable(x!) || x!.shape.length === 0) return undefined;
    const reversed = util.parseAxisParam(dims as number[], x!.shape);
    const strides = stridesOf(x!.shape);
    const start = x!.shape.map((size, i) => (reversed.includes(i) ? Math.max(0, size - 1) : 0));
    return copied(host, x!, x!.shape, strides.map((stride, i) => (reversed.includes(i) ? -stride : stride)), offsetOf(start, strides));
  },

  StridedSlice: (host, { x }, attrs) => {
    if (!copyable(x!)) return undefined;
    const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attrs as Record<string, number[]> & Record<`${string}Mask`, number>;
    const slice = slice_util.sliceInfo(x!.shape, begin!, end!, strides!, beginMask!, endMask!, ellipsisMask!, newAxisMask!, shrinkAxisMask!);
    if (slice.isIdentity || sizeOf(slice.finalShape) === 0) return undefined;
    const own = stridesOf(x!.shape);
    const sizes = slice_util.computeOutShape(slice.begin, slice.end, slice.strides);
    const y = copied(host, x!, sizes, own.map((stride, i) => stride * slice.strides[i]!), offsetOf(slice.begin, own));
    return { ...y, shape: slice.finalShape };
  },
};

/** Slices that follow each other along an axis. */
function parts(host: Host, x: TensorInfo, sizes: readonly number[], axis: number): TensorInfo[] {
  const strides = stridesOf(x.shape);
  let start = 0;
  return sizes.map((size) => {
    const part = copied(host, x, x.shape.map((length, i) => (i === axis ? size : length)), strides, start * strides[axis]!);
    start += size;
    return part;
  });
}
