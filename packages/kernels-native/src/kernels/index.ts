import type { OpKernels, TfjsKernels } from "../kernel.js";
import { linearKernels, matmulKernels } from "./matmul.js";

/** Kernels of tfjs that are replaced. */
export const tfjsKernels: TfjsKernels = { ...matmulKernels };

/** Kernels of the moekit ops. */
export const opKernels: OpKernels = { ...linearKernels };
