import type { Tensor } from "@tensorflow/tfjs";
import type { TensorflowOps } from "./tensorflow-ops.js";

/** Inputs by name; optional ones may be missing. */
export type KernelInputs = Readonly<Record<string, Tensor>>;

/** An op on TensorFlow tensors, inside a tidy and with the tape off: makes its outputs, in the op's order. */
export type TensorflowKernel = (ops: TensorflowOps, inputs: KernelInputs, attrs: Readonly<Record<string, unknown>>) => Tensor[];

/** Kernels by op name. */
export type TensorflowKernels = Readonly<Record<`Moekit${string}`, TensorflowKernel>>;
