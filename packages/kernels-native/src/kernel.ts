import type { TensorInfo } from "@tensorflow/tfjs";
import type { Addon } from "./addon.js";
import type { NativeBackend } from "./native-backend.js";

/** What a kernel works with. */
export interface Host {
  readonly backend: NativeBackend;
  readonly native: Addon;
}

/** Inputs by name; optional ones may be missing. */
export type KernelInputs = Readonly<Record<string, TensorInfo>>;
export type KernelAttrs = Readonly<Record<string, unknown>>;

/** An op of moekit: makes its outputs, in the op's order. */
export type OpKernel = (host: Host, inputs: KernelInputs, attrs: KernelAttrs) => TensorInfo[];
export type OpKernels = Readonly<Record<`Moekit${string}`, OpKernel>>;

/** A kernel of tfjs; undefined where it has no fast form for these inputs, then that of tfjs-backend-cpu runs. */
export type TfjsKernel = (host: Host, inputs: KernelInputs, attrs: KernelAttrs) => TensorInfo | TensorInfo[] | undefined;
export type TfjsKernels = Readonly<Record<string, TfjsKernel>>;

export const sizeOf = (shape: readonly number[]): number => {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
};

/** Product of all axes but the last. */
export const rowsOf = ({ shape }: TensorInfo): number => sizeOf(shape.slice(0, -1));

export const lastOf = ({ shape }: TensorInfo): number => shape[shape.length - 1]!;
