import * as tf from "@tensorflow/tfjs";
import type { Tensor } from "@tensorflow/tfjs";
import type { BindingAttr, TensorflowBackend } from "./backend.js";

/** TensorFlow's own ops on tfjs tensors, under their usual names; sizes of zero are allowed. Results belong to the tidy around the call. */
export interface TensorflowOps {
  /** Rows by index; every index must exist. */
  gather(x: Tensor, ids: Tensor): Tensor;
  /** `[numSegments, ...]`: sums of rows by id; rows with a negative id are left out. */
  unsortedSegmentSum(x: Tensor, ids: Tensor, numSegments: number): Tensor;
  /** Subtracts each update from the element of `x` at the row of indices beside it. */
  scatterSub(x: Tensor, cells: Tensor, updates: Tensor): Tensor;
  /** The k largest of each row, best first and ties to the lower index: values and indices. */
  topK(x: Tensor, k: number): [values: Tensor, ids: Tensor];
  floorDiv(x: Tensor, divisor: number): Tensor;
  matmul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  /** Products of the last two axes; the first ones are broadcast. */
  batchMatmul(a: Tensor, b: Tensor, transposeB?: boolean): Tensor;
  /** Consecutive rows in pieces of the given sizes; shares their memory where it is aligned. */
  split(x: Tensor, sizes: readonly number[]): Tensor[];
  /** The entries of the first axis; shares their memory where it is aligned. */
  unpack(x: Tensor): Tensor[];
  /** The way back from {@link unpack}. */
  pack(parts: Tensor[]): Tensor;
  /** Rows of all parts below each other. */
  concat(parts: Tensor[]): Tensor;
}

const F = "float32";
const I = "int32";

export function tensorflowOpsOf(backend: TensorflowBackend): TensorflowOps {
  const runAll = (opName: string, attrs: Attrs, inputs: Tensor[], numOutputs: number): Tensor[] =>
    backend.executeMultipleOutputs(opName, bindingAttrs(backend, attrs), inputs, numOutputs);
  const run = (opName: string, attrs: Attrs, ...inputs: Tensor[]): Tensor => runAll(opName, attrs, inputs, 1)[0]!;
  return {
    gather: (x, ids) => run("GatherV2", { Tparams: F, Tindices: I, Taxis: I, batch_dims: 0 }, x, ids, int(0)),
    unsortedSegmentSum: (x, ids, numSegments) => run("UnsortedSegmentSum", { T: F, Tindices: I, Tnumsegments: I }, x, ids, int(numSegments)),
    scatterSub: (x, cells, updates) => run("TensorScatterSub", { T: F, Tindices: I }, x, cells, updates),
    topK: (x, k) => runAll("TopKV2", { T: F, sorted: true }, [x, int(k)], 2) as [Tensor, Tensor],
    floorDiv: (x, divisor) => run("FloorDiv", { T: I }, x, int(divisor)),
    matmul: (a, b, transposeA = false, transposeB = false) => run("MatMul", { T: F, transpose_a: transposeA, transpose_b: transposeB }, a, b),
    batchMatmul: (a, b, transposeB = false) => run("BatchMatMulV2", { T: F, adj_x: false, adj_y: transposeB }, a, b),
    split: (x, sizes) => runAll("SplitV", { T: F, Tlen: I, num_split: sizes.length }, [x, tf.tensor1d([...sizes], I), int(0)], sizes.length),
    unpack: (x) => runAll("Unpack", { T: F, num: x.shape[0]!, axis: 0 }, [x], x.shape[0]!),
    pack: (parts) => run("Pack", { T: F, N: parts.length, axis: 0 }, ...parts),
    concat: (parts) => (parts.length === 1 ? parts[0]! : run("ConcatV2", { T: F, Tidx: I, N: parts.length }, ...parts, int(0))),
  };
}

const int = (value: number): Tensor => tf.scalar(value, I);

/** Attributes by name: dtypes, flags and whole numbers. */
type Attrs = Readonly<Record<string, typeof F | typeof I | boolean | number>>;

function bindingAttrs({ binding }: TensorflowBackend, attrs: Attrs): BindingAttr[] {
  return Object.entries(attrs).map(([name, value]) => {
    if (typeof value === "boolean") return { name, type: binding.TF_ATTR_BOOL, value };
    if (typeof value === "number") return { name, type: binding.TF_ATTR_INT, value };
    return { name, type: binding.TF_ATTR_TYPE, value: value === F ? binding.TF_FLOAT : binding.TF_INT32 };
  });
}
