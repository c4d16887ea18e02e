import { activate } from "../activate.js";
import { nodeImport } from "../optional-import.js";
import { onlyInNode } from "../runtime.js";
import type { BackendFacts, Candidate } from "../types.js";

/** What is used of `@moekit/kernels-cuda`. */
interface CudaKernels {
  /** Registers the backend `moekit-cuda`; rejects with the reason where there is no usable NVIDIA GPU. */
  registerCudaBackend(): Promise<BackendFacts | void>;
}

/** CUDA kernels of moekit on a current NVIDIA GPU. */
export const cuda: Candidate = {
  name: "cuda",
  tfjsName: "moekit-cuda",
  install: "npm install @moekit/kernels-cuda where your version of moekit has it; older NVIDIA setups can use the tensorflow backend, all others webgpu.",
  start: async () => {
    onlyInNode();
    const { registerCudaBackend } = await nodeImport<CudaKernels>("@moekit/kernels-cuda");
    const facts = await registerCudaBackend();
    await activate("moekit-cuda");
    return facts ?? {};
  },
};
