import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-cpu";

/** What is used of the class of tfjs-backend-cpu. */
interface CpuBackend extends tf.KernelBackend {
  readSync(dataId: object): tf.backend_util.TypedArray;
  bufferSync(tensor: tf.TensorInfo): tf.TensorBuffer<tf.Rank>;
}

/** Name of the backend that {@link registerRemoteCpu} adds. */
export const REMOTE_CPU = "remote-cpu";

/**
 * Adds `remote-cpu`: the cpu backend as a device that must not be waited for. Inside `tf.tidy`, where layers, ops and the
 * forward and backward pass of gradients run, and inside kernels, every read of a tensor throws. Tests may read outside.
 * Ops take the paths there that they take on a GPU.
 *
 * @example registerRemoteCpu();
 * await tf.setBackend("remote-cpu");
 */
export function registerRemoteCpu(): void {
  if (tf.findBackendFactory(REMOTE_CPU)) return;
  tf.registerBackend(REMOTE_CPU, createRemoteCpu);
  for (const kernel of tf.getKernelsForBackend("cpu")) {
    // Not those of moekit ops: a reference registers itself anew for each backend.
    if (!kernel.kernelName.startsWith("Moekit")) tf.registerKernel({ ...kernel, backendName: REMOTE_CPU });
  }
}

function createRemoteCpu(): tf.KernelBackend {
  const Cpu = tf.findBackend("cpu").constructor as new () => CpuBackend;
  class RemoteCpu extends Cpu {
    override readSync(dataId: object): tf.backend_util.TypedArray {
      if (isComputing()) throw new Error(`${REMOTE_CPU}: a tensor was read back where nothing may wait for the device`);
      return super.readSync(dataId);
    }

    override async read(dataId: object): Promise<tf.backend_util.TypedArray> {
      return this.readSync(dataId);
    }

    /** The kernels of tfjs read their own memory through this, which a device does as well. */
    override bufferSync({ shape, dtype, dataId }: tf.TensorInfo): tf.TensorBuffer<tf.Rank> {
      return tf.buffer(shape as [number], dtype as "float32", super.readSync(dataId) as Float32Array);
    }
  }
  return new RemoteCpu();
}

function isComputing(): boolean {
  const { scopeStack, kernelDepth } = tf.engine().state;
  return scopeStack.length > 0 || kernelDepth > 0;
}
