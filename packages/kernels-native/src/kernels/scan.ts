import type { TensorInfo } from "@tensorflow/tfjs";
import { type Host, type KernelAttrs, sizeOf, type TfjsKernels } from "../kernel.js";

/** Running sums and products along any axis. */
export const scanKernels: TfjsKernels = {
  Cumsum: (host, { x }, attrs) => cumulated(host, x!, attrs, false),
  Cumprod: (host, { x }, attrs) => cumulated(host, x!, attrs, true),
};

function cumulated({ backend, native }: Host, x: TensorInfo, attrs: KernelAttrs, product: boolean): TensorInfo | undefined {
  const { axis, exclusive, reverse } = attrs as { axis: number; exclusive: boolean; reverse: boolean };
  const at = axis < 0 ? axis + x.shape.length : axis;
  const isInt = x.dtype === "int32" && !product;
  if ((x.dtype !== "float32" && !isInt) || x.shape.length === 0) return undefined;
  const y = backend.allocate(x.shape, isInt ? "int32" : "float32");
  const sizes = [sizeOf(x.shape.slice(0, at)), x.shape[at]!, sizeOf(x.shape.slice(at + 1)), product, exclusive, reverse] as const;
  if (isInt) native.cumulateInt!(backend.ints(x), backend.ints(y), ...sizes);
  else native.cumulate!(backend.floats(x), backend.floats(y), ...sizes);
  return y;
}
