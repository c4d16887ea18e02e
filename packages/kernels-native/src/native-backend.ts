import * as tf from "@tensorflow/tfjs";
import type { AddonSettings } from "./addon.js";
import { type Block, BufferPool, type PooledArray } from "./buffer-pool.js";

/** What is used of the data that tfjs-backend-cpu keeps per tensor. */
interface TensorData {
  values: tf.backend_util.BackendValues;
  dtype: tf.DataType;
  refCount: number;
  /** Memory of the pool that goes back to it on disposal. */
  block?: Block;
}

interface DataStorage {
  has(dataId: object): boolean;
  get(dataId: object): TensorData;
}

/** What is used of the class of tfjs-backend-cpu, which the union package does not export. */
interface CpuBackend extends tf.KernelBackend {
  readonly data: DataStorage;
  firstUse: boolean;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.backend_util.BackendValues | string[]): tf.TensorInfo;
}

/** The backend `moekit-native`: tfjs-backend-cpu with pooled memory for outputs. */
export interface NativeBackend extends CpuBackend {
  readonly pool: BufferPool;
  /** A tensor whose values are not set. */
  allocate(shape: readonly number[], dtype?: "float32" | "int32" | "bool"): tf.TensorInfo;
  /** The values of a tensor, as the typed array of its dtype. */
  floats(tensor: tf.TensorInfo): Float32Array;
  ints(tensor: tf.TensorInfo): Int32Array;
  bytes(tensor: tf.TensorInfo): Uint8Array;
}

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

/** Bytes of a cache line, and of an array that is worth moving to the start of one. */
const [LINE, WORTH_A_COPY] = [64, 1 << 16];

/**
 * Makes the backend. A function, because its base class is only known at run time.
 *
 * Memory that leaves the backend (`dataSync`, `data`, moves to another backend) or comes back into it as part of another
 * tensor (a slice of tfjs is a view) is never used again for other tensors.
 */
export function createNativeBackend(settings: AddonSettings, limitBytes: number): NativeBackend {
  const Base = tf.findBackend("cpu").constructor as new () => CpuBackend;

  class Backend extends Base implements NativeBackend {
    readonly pool = new BufferPool((buffer) => settings.prepareBuffer(buffer), limitBytes);

    constructor() {
      super();
      // tfjs advises to install a faster backend.
      this.firstUse = false;
    }

    allocate(shape: readonly number[], dtype: keyof typeof ARRAYS = "float32"): tf.TensorInfo {
      let size = 1;
      for (const length of shape) size *= length;
      const ArrayType = ARRAYS[dtype];
      const block = this.pool.take(size * ArrayType.BYTES_PER_ELEMENT);
      const dataId = super.write(new ArrayType(block.buffer, block.start, size), shape as number[], dtype);
      this.data.get(dataId).block = block;
      return { dataId, shape: shape as number[], dtype };
    }

    floats(tensor: tf.TensorInfo): Float32Array {
      return this.values(tensor, Float32Array);
    }

    ints(tensor: tf.TensorInfo): Int32Array {
      return this.values(tensor, Int32Array);
    }

    bytes(tensor: tf.TensorInfo): Uint8Array {
      return this.values(tensor, Uint8Array);
    }

    override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
      const { own, block } = this.taken(values);
      const dataId = super.write(own, shape, dtype);
      this.data.get(dataId).block = block;
      return dataId;
    }

    override move(dataId: object, values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType, refCount: number): void {
      const { own, block } = this.taken(values);
      super.move(dataId, own, shape, dtype, refCount);
      this.data.get(dataId).block = block;
    }

    override readSync(dataId: object): tf.backend_util.BackendValues {
      const { block } = this.data.get(dataId);
      if (block) block.shared = true;
      return super.readSync(dataId);
    }

    override disposeData(dataId: object, force = false): boolean {
      const block = this.data.has(dataId) ? this.data.get(dataId).block : undefined;
      const released = super.disposeData(dataId, force);
      if (released && block) this.pool.give(block);
      return released;
    }

    /** Large arrays (weights, say) that lie across cache lines are copied to where they do not: products read them a tenth faster. */
    private taken(values: tf.backend_util.BackendValues): { own: tf.backend_util.BackendValues; block?: Block } {
      const shared = ArrayBuffer.isView(values) ? this.pool.blockOf(values) : undefined;
      if (shared) shared.shared = true;
      const isAligned = () => ((values as Float32Array).byteOffset - settings.prepareBuffer((values as Float32Array).buffer as ArrayBuffer)) % LINE === 0;
      if (shared || !(values instanceof Float32Array) || values.byteLength < WORTH_A_COPY || !(values.buffer instanceof ArrayBuffer) || isAligned()) return { own: values };
      const block = this.pool.take(values.byteLength);
      const own = new Float32Array(block.buffer, block.start, values.length);
      own.set(values);
      return { own, block };
    }

    /** Some kernels of tfjs store values in an array of another type, or in a plain one. */
    private values<A extends PooledArray>({ dataId }: tf.TensorInfo, ArrayType: { new (length: number): A; from(values: ArrayLike<number>): A }): A {
      const data = this.data.get(dataId);
      if (data.values instanceof ArrayType) return data.values;
      return ArrayType.from(data.values as unknown as ArrayLike<number>);
    }
  }

  return new Backend();
}
