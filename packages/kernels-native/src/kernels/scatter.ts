import { backend_util, type TensorInfo } from "@tensorflow/tfjs";
import { type Host, sizeOf, type TfjsKernels } from "../kernel.js";

/** Rows that are found by several indices each. */
export const scatterKernels: TfjsKernels = {
  GatherNd: (host, { params, indices }) => {
    const [shape, count, width, strides] = backend_util.prepareAndValidate(params as never, indices as never);
    const { backend, native } = host;
    const rows = sizeOf(params!.shape) / width;
    const ids = count > 0 ? rowIds(host, indices!, strides, rows) : undefined;
    if (!ids || (params!.dtype !== "float32" && params!.dtype !== "int32")) return undefined;
    const y = backend.allocate(shape, params!.dtype);
    const values = (tensor: TensorInfo) => (params!.dtype === "int32" ? backend.ints(tensor) : backend.floats(tensor));
    native.gather!(values(params!), ids, values(y), 1, rows, width, count);
    return y;
  },

  ScatterNd: (host, { indices, updates }, { shape }) => {
    const { sliceSize, strides, outputSize } = backend_util.calculateShapes(updates as never, indices as never, shape as number[]);
    const { backend, native } = host;
    const rows = outputSize / sliceSize;
    const ids = rowIds(host, indices!, strides, rows);
    if (!ids || !fits(updates!, ids.length * sliceSize)) return undefined;
    const y = backend.allocate(shape as number[]);
    native.scatterRows!(backend.floats(updates!), ids, backend.floats(y), rows, ids.length, sliceSize);
    return y;
  },

  TensorScatterUpdate: (host, { tensor, indices, updates }) => {
    const { sliceSize, strides, outputSize } = backend_util.calculateShapes(updates as never, indices as never, tensor!.shape);
    const ids = rowIds(host, indices!, strides, outputSize / sliceSize);
    if (!ids || tensor!.dtype !== "float32" || !fits(updates!, ids.length * sliceSize)) return undefined;
    const { backend } = host;
    const y = backend.allocate(tensor!.shape);
    const [out, rows] = [backend.floats(y), backend.floats(updates!)];
    out.set(backend.floats(tensor!));
    ids.forEach((id, n) => out.set(rows.subarray(n * sliceSize, (n + 1) * sliceSize), id * sliceSize));
    return y;
  },
};

const fits = ({ dtype, shape }: TensorInfo, size: number): boolean => dtype === "float32" && sizeOf(shape) === size;

/** The row that each list of indices `[..., depth]` means; undefined where one is out of range, tfjs then says so. */
function rowIds({ backend }: Host, indices: TensorInfo, strides: readonly number[], rows: number): Int32Array | undefined {
  if (indices.dtype !== "int32" || !(rows > 0)) return undefined;
  const [values, depth] = [backend.ints(indices), strides.length];
  const ids = new Int32Array(values.length / depth);
  for (let n = 0; n < ids.length; n++) {
    let id = 0;
    for (let i = 0; i < depth; i++) id += values[n * depth + i]! * strides[i]!;
    if (id < 0 || id >= rows) return undefined;
    ids[n] = id;
  }
  return ids;
}
