import type { DataType, TensorInfo, Values } from "./host-tensors.js";
import { floatsOf, type HostTensors, type Matrix } from "./host-tensors.js";

type MatMul = (aId: number, aShape: Uint8Array, aRank: number, bId: number, bShape: Uint8Array, bRank: number, transposeA: number, transposeB: number, outId: number) => void;

/** What is used of the backend class of tfjs-backend-wasm. */
export interface WasmBackend {
  readonly wasm: {
    cwrap(name: string, result: null, parameters: string[]): MatMul;
    readonly tfjs: { registerTensor(id: number, size: number, memoryOffset: number): void; disposeData(id: number): void };
  };
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): Values;
  getMemoryOffset(dataId: object): number;
  disposeData(dataId: object): boolean;
}

/** The backend numbers its tensors from 1 on; ours start where it never comes. */
const FIRST_ID = 2 ** 30;
const LAST_ID = 2 ** 31 - 8;
const BYTES = 4;

/** Tensors of the wasm backend: views of its heap. */
export function wasmHost(backend: WasmBackend): HostTensors {
  const multiply = heapMultiply(backend);
  const host: HostTensors = {
    allocate: (shape, dtype = "float32") => backend.makeOutput([...shape], dtype),
    release: ({ dataId }) => void backend.disposeData(dataId),
    floats: (tensor) => backend.typedArrayFromHeap({ ...tensor, dtype: "float32" }) as Float32Array,
    ints: (tensor) => backend.typedArrayFromHeap({ ...tensor, dtype: "int32", shape: tensor.shape }) as Int32Array,
    multiply: (a, b, out) => {
      if (out.rows * out.columns === 0) return;
      if (a.columns === 0) floatsOf(host, out).fill(0);
      else multiply(a, b, out);
    },
  };
  return host;
}

/**
 * The backend's own matmul on parts of tensors, without copies: it takes the numbers of registered tensors, and any piece
 * of the heap can be registered. Only the form without transposes and batch is fast (45 GFLOP/s on one core).
 *
 * Numbers are never used twice: the packed form of the right operand is kept under its number until it is unregistered.
 */
function heapMultiply(backend: WasmBackend): (a: Matrix, b: Matrix, out: Matrix) => void {
  const { registerTensor, disposeData } = backend.wasm.tfjs;
  const matMul = backend.wasm.cwrap("BatchMatMul", null, ["number", "array", "number", "number", "array", "number", "number", "number", "number"]);
  let lastId = FIRST_ID;
  const register = ({ tensor, start, rows, columns }: Matrix): number => {
    lastId = lastId < LAST_ID ? lastId + 1 : FIRST_ID;
    registerTensor(lastId, rows * columns, backend.getMemoryOffset(tensor.dataId) + start * BYTES);
    return lastId;
  };
  return (a, b, out) => {
    const ids = [register(a), register(b), register(out)] as const;
    matMul(ids[0], shapeBytes(a), 3, ids[1], shapeBytes(b), 3, 0, 0, ids[2]);
    ids.forEach(disposeData);
  };
}

const shapeBytes = ({ rows, columns }: Matrix): Uint8Array => new Uint8Array(new Int32Array([1, rows, columns]).buffer);
