import { slice_util, type TensorInfo } from "@tensorflow/tfjs";
import { type Host, sizeOf, type TfjsKernels } from "../kernel.js";
import { MAX_RANK } from "./broadcast.js";

/** Whatever only moves elements: each is a copy between two sets of strides. */
export const copyKernels: TfjsKernels = {
  Transpose: (host, { x }, { perm }) => {
    if (!copyable(x!)) return undefined;
    const order = perm as number[];
    const shape = order.map((axis) => x!.shape[axis]!);
    const strides = stridesOf(x!.shape);
    return copied(host, x!, shape, order.map((axis) => strides[axis]!));
  },

  Slice: (host, { x }, { begin, size }) => {
    if (!copyable(x!)) return undefined;
    const [starts, sizes] = slice_util.parseSliceParams(x as never, begin as number[], size as number[]) as [number[], number[]];
    slice_util.assertParamsValid(x as never, starts, sizes);
    const strides = stridesOf(x!.shape);
    return copied(host, x!, sizes, strides, offsetOf(starts, strides));
  },

  Concat: (host, inputs, { axis }) => concat(host, Object.values(inputs), axis as number),

  Pack: (host, inputs, { axis }) => {
    const parts = Object.values(inputs);
    const at = (axis as number) < 0 ? (axis as number) + parts[0]!.shape.length + 1 : (axis as number);
    const inserted = parts.map((part) => ({ ...part, shape: [...part.shape.slice(0, at), 1, ...part.shape.slice(at)] }));
    return parts.every(({ shape }) => shape.join() === parts[0]!.shape.join()) ? concat(host, inserted, at) : undefined;
  },

  PadV2: (host, { x }, { paddings, constantValue }) => {
    if (x!.dtype !== "float32" || !copyable(x!)) return undefined;
    const pads = paddings as [number, number][];
    const { backend, native } = host;
    const y = backend.allocate(x!.shape.map((size, axis) => size + pads[axis]![0] + pads[axis]![1]));
    native.fill!(backend.floats(y), sizeOf(y.shape), constantValue as number);
    const strides = stridesOf(y.shape);
    copyInto(host, y, offsetOf(pads.map(([before]) => before), strides), strides, x!, 0, stridesOf(x!.shape), x!.shape);
    return y;
  },

  Tile: (host, { x }, { reps }) => {
    const times = reps as number[];
    if (!copyable(x!) || 2 * x!.shape.length > MAX_RANK || times.length !== x!.shape.length) return undefined;
    // Each axis becomes two: repetitions, which read the same elements again, and the axis itself.
    const strides = stridesOf(x!.shape);
    const y = allocateLike(host, x!, x!.shape.map((size, axis) => size * times[axis]!));
    const outStrides = stridesOf(y.shape);
    const axes = [...x!.shape.keys()];
    const sizes = axes.flatMap((axis) => [times[axis]!, x!.shape[axis]!]);
    copyInto(host, y, 0, axes.flatMap((axis) => [outStrides[axis]! * x!.shape[axis]!, outStrides[axis]!]), x!, 0, axes.flatMap((axis) => [0, strides[axis]!]), sizes);
    return y;
  },

  GatherV2: ({ backend, native }, { x, indices }, { axis, batchDims }) => {
    const at = ((axis as number) + x!.shape.length) % x!.shape.length;
    if ((batchDims ?? 0) !== 0 || indices!.dtype !== "int32" || (x!.dtype !== "float32" && x!.dtype !== "int32")) return undefined;
    const [before, after, length] = [x!.shape.slice(0, at), x!.shape.slice(at + 1), x!.shape[at]!];
    const ids = backend.ints(indices!);
    for (const id of ids) if (id < 0 || id >= length) return undefined; // tfjs words the error
    const y = backend.allocate([...before, ...indices!.shape, ...after], x!.dtype);
    const values = (tensor: TensorInfo) => (x!.dtype === "int32" ? backend.ints(tensor) : backend.floats(tensor));
    native.gather!(values(x!), ids, values(y), sizeOf(before), length, sizeOf(after), ids.length);
    return y;
  },

  UnsortedSegmentSum: ({ backend, native }, { x, segmentIds }, { numSegments }) => {
    const [N, count] = [segmentIds!.shape[0]!, numSegments as number];
    if (x!.dtype !== "float32" || segmentIds!.dtype !== "int32" || segmentIds!.shape.length !== 1) return undefined;
    const ids = backend.ints(segmentIds!);
    for (const id of ids) if (id < -1 || id >= count) return undefined;
    const rest = x!.shape.slice(1);
    const y = backend.allocate([count, ...rest]);
    native.scatterRows!(backend.floats(x!), ids, backend.floats(y), count, N, sizeOf(rest));
    return y;
  },
};

export const copyable = ({ dtype, shape }: TensorInfo): boolean => (dtype === "float32" || dtype === "int32" || dtype === "bool") && shape.length <= MAX_RANK;

function concat(host: Host, parts: TensorInfo[], axis: number): TensorInfo | undefined {
  const first = parts[0]!;
  const at = axis < 0 ? axis + first.shape.length : axis;
  const fits = parts.every((part) => part.dtype === first.dtype && copyable(part) && part.shape.length === first.shape.length && part.shape.every((size, i) => i === at || size === first.shape[i]));
  if (!fits) return undefined;
  const y = allocateLike(host, first, first.shape.map((size, i) => (i === at ? parts.reduce((total, part) => total + part.shape[at]!, 0) : size)));
  const strides = stridesOf(y.shape);
  let start = 0;
  for (const part of parts) {
    copyInto(host, y, start * strides[at]!, strides, part, 0, stridesOf(part.shape), part.shape);
    start += part.shape[at]!;
  }
  return y;
}

/** A new tensor of elements of x at the given strides. */
export function copied(host: Host, x: TensorInfo, shape: number[], strides: readonly number[], offset = 0): TensorInfo {
  const y = allocateLike(host, x, shape);
  copyInto(host, y, 0, stridesOf(shape), x, offset, strides, shape);
  return y;
}

function copyInto(host: Host, to: TensorInfo, toOffset: number, toStrides: readonly number[], from: TensorInfo, fromOffset: number, fromStrides: readonly number[], sizes: readonly number[]): void {
  host.native.copy!(valuesOf(host, to), toOffset, valuesOf(host, from), fromOffset, sizes.length, ...sizes, ...toStrides, ...fromStrides);
}

const allocateLike = ({ backend }: Host, { dtype }: TensorInfo, shape: number[]): TensorInfo => backend.allocate(shape, dtype as "float32" | "int32" | "bool");

function valuesOf({ backend }: Host, tensor: TensorInfo): Float32Array | Int32Array | Uint8Array {
  if (tensor.dtype === "float32") return backend.floats(tensor);
  return tensor.dtype === "int32" ? backend.ints(tensor) : backend.bytes(tensor);
}

export const offsetOf = (place: readonly number[], strides: readonly number[]): number => place.reduce((sum, index, axis) => sum + index * strides[axis]!, 0);

export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}
