import { backend_util, type TensorInfo } from "@tensorflow/tfjs";
import { type Host, sizeOf, type TfjsKernels } from "../kernel.js";
import { copied, copyable, stridesOf } from "./copy.js";
import { MAX_RANK } from "./broadcast.js";

/** Axes of both inputs by their letters. */
interface Letters {
  /** In both inputs and the output, in both and summed, in one input and the output. */
  readonly batch: readonly number[];
  readonly summed: readonly number[];
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

/** Products of two tensors as batched products of matrices; other equations stay with tfjs-backend-cpu. */
export const einsumKernels: TfjsKernels = {
  Einsum: (host, inputs, { equation }) => {
    const tensors = Object.values(inputs);
    const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equation as string, tensors.length);
    backend_util.checkEinsumDimSizes(allDims.length, idDims, tensors as never);
    const outRank = allDims.length - summedDims.length;
    const [a, b] = tensors;
    const letters = b && allDims.length <= MAX_RANK && lettersOf(idDims[0]!, idDims[1]!, outRank);
    if (!letters || ![a!, b].every((tensor) => tensor.dtype === "float32" && copyable(tensor))) return undefined;
    return product(host, { tensor: a!, axes: idDims[0]! }, { tensor: b, axes: idDims[1]! }, letters, outRank);
  },
};

/** Undefined where a letter comes twice in an input, or is summed in one input alone. */
function lettersOf(a: readonly number[], b: readonly number[], outRank: number): Letters | undefined {
  if (new Set(a).size < a.length || new Set(b).size < b.length) return undefined;
  const isOut = (letter: number) => letter < outRank;
  const both = a.filter((letter) => b.includes(letter));
  const [rows, columns] = [a.filter((letter) => !b.includes(letter)), b.filter((letter) => !a.includes(letter))];
  return rows.every(isOut) && columns.every(isOut) ? { batch: both.filter(isOut), summed: both.filter((letter) => !isOut(letter)), rows, columns } : undefined;
}

interface Operand {
  readonly tensor: TensorInfo;
  /** The letter of each axis. */
  readonly axes: readonly number[];
}

function product(host: Host, a: Operand, b: Operand, { batch, summed, rows, columns }: Letters, outRank: number): TensorInfo {
  const { backend, native } = host;
  const size = new Map([a, b].flatMap(({ tensor, axes }) => axes.map((letter, i): [number, number] => [letter, tensor.shape[i]!])));
  const count = (letters: readonly number[]) => sizeOf(letters.map((letter) => size.get(letter)!));
  const [B, M, N, K] = [batch, rows, columns, summed].map(count) as [number, number, number, number];
  const left = asMatrices(host, a, batch, rows, summed);
  const right = asMatrices(host, b, batch, summed, columns);
  const order = [...batch, ...rows, ...columns];
  const y = backend.allocate(order.map((letter) => size.get(letter)!));
  native.matmul!(backend.floats(left.matrices), backend.floats(right.matrices), backend.floats(y), B, M, N, K, left.transposed, right.transposed, M * K, K * N);
  const out = ordered(host, { tensor: y, axes: order }, [...new Array(outRank).keys()]);
  const temporary = [left.matrices, right.matrices, y].filter((tensor) => tensor !== a.tensor && tensor !== b.tensor && tensor !== out);
  temporary.forEach(({ dataId }) => backend.disposeData(dataId));
  return out;
}

/** `[batch, first, second]`, or `[batch, second, first]` where the tensor lies so. */
function asMatrices(host: Host, operand: Operand, batch: readonly number[], first: readonly number[], second: readonly number[]): { matrices: TensorInfo; transposed: boolean } {
  const transposed = operand.axes.join() === [...batch, ...second, ...first].join();
  return { matrices: transposed ? operand.tensor : ordered(host, operand, [...batch, ...first, ...second]), transposed };
}

/** The tensor with its axes in another order; itself where that is its own. */
function ordered(host: Host, { tensor, axes }: Operand, order: readonly number[]): TensorInfo {
  if (axes.join() === order.join()) return tensor;
  const strides = stridesOf(tensor.shape);
  const places = order.map((letter) => axes.indexOf(letter));
  return copied(host, tensor, places.map((i) => tensor.shape[i]!), places.map((i) => strides[i]!));
}
