import { registerOpKernel } from "@moekit/core";
import type { KernelConfig } from "@tensorflow/tfjs";
import { type CpuBackend, cpuHost } from "./cpu-host.js";
import type { HostTensors } from "./host-tensors.js";
import type { JsKernel, JsKernels } from "./kernel.js";
import { dispatchKernels } from "./kernels/dispatch.js";
import { expertMlpKernels } from "./kernels/expert-mlp.js";
import { gatherRowsKernels } from "./kernels/gather-rows.js";
import { groupedMatmulKernels } from "./kernels/grouped-matmul.js";
import { swigluKernels } from "./kernels/swiglu.js";
import { rmsNormKernels } from "./kernels/rms-norm.js";
import { linearKernels } from "./kernels/linear.js";
import { crossEntropyKernels } from "./kernels/cross-entropy.js";
import { attentionKernels } from "./kernels/attention.js";
import { adamwStepKernels } from "./kernels/adamw-step.js";
import { rotaryKernels } from "./kernels/rotary.js";
import { routingKernels } from "./kernels/routing.js";
import { type WasmBackend, wasmHost } from "./wasm-host.js";

/** The backends of TensorFlow.js whose tensors live in host memory. @example const name: JsKernelBackend = "wasm"; */
export type JsKernelBackend = "cpu" | "wasm";

const KERNELS: JsKernels = {
  ...routingKernels,
  ...dispatchKernels,
  ...gatherRowsKernels,
  ...groupedMatmulKernels,
  ...expertMlpKernels,
  ...adamwStepKernels,
  ...rotaryKernels,
  ...attentionKernels,
  ...crossEntropyKernels,
  ...linearKernels,
  ...rmsNormKernels,
  ...swigluKernels,
};

/**
 * Names of the ops that {@link registerJsKernels} makes fast, e.g. `MoekitExpertMlp`.
 * @example jsKernelNames.includes("MoekitExpertMlp"); // true
 */
export const jsKernelNames: readonly string[] = Object.keys(KERNELS).sort();

/**
 * Makes the moekit ops fast on a backend whose tensors live in host memory: typed-array loops on one core, and for the
 * products of matrices the matmul of the wasm backend or a tiled one on cpu. Results agree with the references of
 * `@moekit/core` to float32 rounding.
 *
 * Call it once, before or after the backend starts; calling it again changes nothing.
 *
 * @example registerJsKernels("cpu");
 */
export function registerJsKernels(backendName: JsKernelBackend): void {
  const hosts = new WeakMap<object, HostTensors>();
  for (const [name, kernel] of Object.entries(KERNELS)) registerOpKernel(name, backendName, kernelFunc(kernel, backendName, hosts));
}

function kernelFunc(kernel: JsKernel, backendName: JsKernelBackend, hosts: WeakMap<object, HostTensors>): KernelConfig["kernelFunc"] {
  return ({ inputs, attrs, backend }) => {
    const key = backend as object;
    const host = hosts.get(key) ?? hostOf(backendName, key);
    hosts.set(key, host);
    return kernel(host, inputs as Parameters<JsKernel>[1], attrs ?? {});
  };
}

const hostOf = (backendName: JsKernelBackend, backend: object): HostTensors =>
  backendName === "cpu" ? cpuHost(backend as CpuBackend) : wasmHost(backend as WasmBackend);
