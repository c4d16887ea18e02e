import { backend_util, type TensorInfo } from "@tensorflow/tfjs";
import { type Host, lastOf, type OpKernels, rowsOf, sizeOf, type TfjsKernels } from "../kernel.js";
import { activationNumber } from "./elementwise.js";

/** Products of matrices in all transposes, with batches that broadcast. */
export const matmulKernels: TfjsKernels = {
  BatchMatMul: (host, { a, b }, { transposeA, transposeB }) => batchMatMul(host, a!, b!, transposeA === true, transposeB === true),

  _FusedMatMul: (host, { a, b, bias, preluActivationWeights }, { transposeA, transposeB, activation }) => {
    const number = activationNumber(activation as string | undefined);
    const columns = b!.shape[b!.shape.length - (transposeB ? 2 : 1)];
    if (number === undefined || preluActivationWeights || (bias && (bias.dtype !== "float32" || sizeOf(bias.shape) !== columns))) return undefined;
    const y = batchMatMul(host, a!, b!, transposeA === true, transposeB === true, bias);
    if (y && number !== null) host.native.unary!(number, host.backend.floats(y), host.backend.floats(y), sizeOf(y.shape), 0, 0);
    return y;
  },
};

/** `y = x W^T + b`; x `[..., I]`, W `[O, I]`. */
export const linearKernels: OpKernels = {
  MoekitLinear: (host, { x, w, bias }) => {
    const { backend, native } = host;
    const [O, I] = w!.shape as [number, number];
    const y = backend.allocate([...x!.shape.slice(0, -1), O]);
    native.matmul!(backend.floats(x!), backend.floats(w!), backend.floats(y), 1, rowsOf(x!), O, I, false, true, 0, 0, bias && backend.floats(bias));
    return [y];
  },
};

function batchMatMul(host: Host, a: TensorInfo, b: TensorInfo, transposeA: boolean, transposeB: boolean, bias?: TensorInfo): TensorInfo | undefined {
  if (a.dtype !== "float32" || b.dtype !== "float32") return undefined;
  const [aRows, aCols] = [a.shape[a.shape.length - 2]!, lastOf(a)];
  const [bRows, bCols] = [b.shape[b.shape.length - 2]!, lastOf(b)];
  const [m, k] = transposeA ? [aCols, aRows] : [aRows, aCols];
  const [inner, n] = transposeB ? [bCols, bRows] : [bRows, bCols];
  const aBatch = a.shape.slice(0, -2);
  const bBatch = b.shape.slice(0, -2);
  const [aCount, bCount] = [sizeOf(aBatch), sizeOf(bBatch)];
  // tfjs reports sizes that do not fit, and no batch but one or equal ones is a plain loop.
  if (inner !== k || !(aCount === bCount || aCount === 1 || bCount === 1)) return undefined;
  const outBatch = backend_util.assertAndGetBroadcastShape(aBatch, bBatch);
  const { backend, native } = host;
  const out = backend.allocate([...outBatch, m, n]);
  native.matmul!(backend.floats(a), backend.floats(b), backend.floats(out), sizeOf(outBatch), m, n, k, transposeA, transposeB, aCount === 1 ? 0 : m * k, bCount === 1 ? 0 : k * n, bias && backend.floats(bias));
  return out;
}
