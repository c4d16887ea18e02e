import type { DataType, TensorInfo, Values } from "./host-tensors.js";
import { floatsOf, type HostTensors, sizeOf } from "./host-tensors.js";
import { multiplyTiled } from "./math/multiply-tiled.js";

/** What is used of the backend class of tfjs-backend-cpu. */
export interface CpuBackend {
  readonly data: { get(dataId: object): { values: Values } };
  makeTensorInfo(shape: number[], dtype: DataType, values: Values): TensorInfo;
  disposeData(dataId: object): boolean;
}

/** Tensors of the cpu backend: typed arrays of the JavaScript heap. */
export function cpuHost(backend: CpuBackend): HostTensors {
  const host: HostTensors = {
    allocate: (shape, dtype = "float32") => {
      const size = sizeOf(shape);
      return backend.makeTensorInfo([...shape], dtype, dtype === "int32" ? new Int32Array(size) : new Float32Array(size));
    },
    release: ({ dataId }) => void backend.disposeData(dataId),
    // Some kernels of tfjs store the values of a tensor in an array of another type, or in a plain one.
    floats: ({ dataId }) => {
      const { values } = backend.data.get(dataId);
      return values instanceof Float32Array ? values : Float32Array.from(values);
    },
    ints: ({ dataId }) => {
      const { values } = backend.data.get(dataId);
      return values instanceof Int32Array ? values : Int32Array.from(values);
    },
    multiply: (a, b, out) =>
      multiplyTiled(floatsOf(host, a), floatsOf(host, b), floatsOf(host, out), { rows: a.rows, inner: a.columns, columns: b.columns }),
  };
  return host;
}
