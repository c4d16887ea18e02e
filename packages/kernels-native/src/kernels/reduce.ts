import { type TensorInfo, util } from "@tensorflow/tfjs";
import { type Host, type KernelAttrs, lastOf, rowsOf, sizeOf, type TfjsKernels } from "../kernel.js";

/** Sums, means, extremes and softmax. Except for sums, axes that are not next to each other stay with tfjs-backend-cpu. */
export const reduceKernels: TfjsKernels = {
  Sum: (host, { x }, attrs) => sum(host, x!, attrs, false),
  Mean: (host, { x }, attrs) => sum(host, x!, attrs, true),
  Max: (host, { x }, { reductionIndices, keepDims }) => extreme(host, x!, { axis: reductionIndices, keepDims }, true),
  Min: (host, { x }, { axis, keepDims }) => extreme(host, x!, { axis, keepDims }, false),
  ArgMax: (host, { x }, attrs) => argExtreme(host, x!, attrs, true),
  ArgMin: (host, { x }, attrs) => argExtreme(host, x!, attrs, false),

  Any: (host, { x }, attrs) => anyOrAll(host, x!, attrs, false),
  All: (host, { x }, attrs) => anyOrAll(host, x!, attrs, true),

  Softmax: ({ backend, native }, { logits }, { dim }) => {
    if (logits!.dtype !== "float32" || !isLast(logits!, dim as number)) return undefined;
    const y = backend.allocate(logits!.shape);
    native.softmax!(backend.floats(logits!), backend.floats(y), rowsOf(logits!), lastOf(logits!));
    return y;
  },
};

/** A tensor seen as `[outer, length, inner]`, of which `length` is reduced. */
interface Reduction {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly shape: number[];
}

function sum(host: Host, x: TensorInfo, attrs: KernelAttrs, mean: boolean): TensorInfo | undefined {
  const reduction = x.dtype === "float32" ? reductionOf(x.shape, attrs) : undefined;
  if (!reduction) return x.dtype === "float32" ? sumApart(host, x, attrs, mean) : undefined;
  const { outer, length, inner, shape } = reduction;
  const { backend, native } = host;
  const y = backend.allocate(shape);
  native.sum!(backend.floats(x), backend.floats(y), outer, length, inner, mean ? 1 / length : 1);
  return y;
}

/** Axes that are apart: the last of them first. */
function sumApart(host: Host, x: TensorInfo, { axis, keepDims }: KernelAttrs, mean: boolean): TensorInfo {
  const axes = util.parseAxisParam(axis as number[], x.shape).sort((a, b) => a - b);
  const last = sum(host, x, { axis: axes.pop()!, keepDims }, mean)!;
  const y = sum(host, last, { axis: axes, keepDims }, mean)!;
  host.backend.disposeData(last.dataId);
  return y;
}

function extreme({ backend, native }: Host, x: TensorInfo, attrs: KernelAttrs, isMax: boolean): TensorInfo | undefined {
  const reduction = x.dtype === "float32" ? reductionOf(x.shape, attrs) : undefined;
  if (!reduction || reduction.length === 0) return undefined;
  const { outer, length, inner, shape } = reduction;
  const y = backend.allocate(shape);
  native.extreme!(backend.floats(x), backend.floats(y), outer, length, inner, isMax);
  return y;
}

function argExtreme({ backend, native }: Host, x: TensorInfo, { axis }: KernelAttrs, isMax: boolean): TensorInfo | undefined {
  const reduction = x.dtype === "float32" && x.shape.length > 0 ? reductionOf(x.shape, { axis: Array.isArray(axis) ? axis.slice(0, 1) : axis }) : undefined;
  if (!reduction || reduction.length === 0) return undefined;
  const { outer, length, inner, shape } = reduction;
  const y = backend.allocate(shape, "int32");
  native.argExtreme!(backend.floats(x), backend.ints(y), outer, length, inner, isMax);
  return y;
}

function anyOrAll({ backend, native }: Host, x: TensorInfo, attrs: KernelAttrs, all: boolean): TensorInfo | undefined {
  const reduction = x.dtype === "bool" ? reductionOf(x.shape, attrs) : undefined;
  if (!reduction) return undefined;
  const { outer, length, inner, shape } = reduction;
  const y = backend.allocate(shape, "bool");
  native.anyOrAll!(backend.bytes(x), backend.bytes(y), outer, length, inner, all);
  return y;
}

const isLast = ({ shape }: TensorInfo, axis: number): boolean => axis === -1 || axis === shape.length - 1;

/** Undefined unless the reduced axes follow each other, axes of size one not counted. */
function reductionOf(shape: readonly number[], { axis, keepDims }: KernelAttrs): Reduction | undefined {
  const rank = shape.length;
  const given = axis === undefined || axis === null ? shape.map((_, i) => i) : Array.isArray(axis) ? (axis as number[]) : [axis as number];
  const reduced = new Array<boolean>(rank).fill(false);
  for (const i of given) reduced[i < 0 ? i + rank : i] = true;
  const counted = [...shape.keys()].filter((i) => reduced[i] && shape[i] !== 1);
  const [first, last] = [counted[0] ?? 0, counted[counted.length - 1] ?? -1];
  for (let i = first; i <= last; i++) if (!reduced[i] && shape[i] !== 1) return undefined;
  return {
    outer: sizeOf(shape.slice(0, first)),
    length: sizeOf(shape.slice(first, last + 1)),
    inner: sizeOf(shape.slice(last + 1)),
    shape: keepDims ? shape.map((size, i) => (reduced[i] ? 1 : size)) : shape.filter((_, i) => !reduced[i]),
  };
}
