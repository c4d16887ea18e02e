import type { TensorflowKernels } from "../kernel.js";

/** The k best experts of each token; TensorFlow breaks ties as the op asks for. */
export const topKKernels: TensorflowKernels = {
  MoekitTopK: (ops, { scores }, { k }) => ops.topK(scores!, k as number),
};
