import { registerOpKernel, tidy } from "@moekit/core";
import type { KernelConfig } from "@tensorflow/tfjs";
import type { TensorflowBackend } from "./backend.js";
import type { KernelInputs, TensorflowKernel, TensorflowKernels } from "./kernel.js";
import { crossEntropyKernels } from "./kernels/cross-entropy.js";
import { dispatchKernels } from "./kernels/dispatch.js";
import { gatherRowsKernels } from "./kernels/gather-rows.js";
import { groupedMatmulKernels } from "./kernels/grouped-matmul.js";
import { topKKernels } from "./kernels/top-k.js";
import { tensorflowOpsOf } from "./tensorflow-ops.js";

/** Only what was measured to be faster than its reference. */
const KERNELS: TensorflowKernels = {
  ...topKKernels,
  ...dispatchKernels,
  ...gatherRowsKernels,
  ...groupedMatmulKernels,
  ...crossEntropyKernels,
};

/**
 * Names of the ops that {@link registerTensorflowKernels} makes faster than their references, e.g. `MoekitGroupedMatmul`.
 * @example tensorflowKernelNames.includes("MoekitGroupedMatmul"); // true
 */
export const tensorflowKernelNames: readonly string[] = Object.keys(KERNELS).sort();

/**
 * Makes the moekit ops fast on the `tensorflow` backend of `@tensorflow/tfjs-node` and `@tensorflow/tfjs-node-gpu`, with
 * TensorFlow's own ops. Ops without a kernel here run their references of `@moekit/core`, with the same results.
 *
 * {@link loadTensorflow} calls it; call it yourself where you import the binding yourself. Calling it again changes nothing.
 *
 * @example registerTensorflowKernels();
 */
export function registerTensorflowKernels(): void {
  for (const [name, kernel] of Object.entries(KERNELS)) registerOpKernel(name, "tensorflow", kernelFunc(kernel));
}

function kernelFunc(kernel: TensorflowKernel): KernelConfig["kernelFunc"] {
  return ({ inputs, attrs, backend }) => tidy(() => kernel(tensorflowOpsOf(backend as TensorflowBackend), inputs as KernelInputs, attrs ?? {}));
}
