import type { HostTensors, TensorInfo } from "./host-tensors.js";

/** Inputs by name; optional ones may be missing. */
export type KernelInputs = Readonly<Record<string, TensorInfo>>;
export type KernelAttrs = Readonly<Record<string, unknown>>;

/** An op on host memory: makes its outputs, in the op's order. */
export type JsKernel = (host: HostTensors, inputs: KernelInputs, attrs: KernelAttrs) => TensorInfo[];

/** Kernels by op name. */
export type JsKernels = Readonly<Record<`Moekit${string}`, JsKernel>>;
