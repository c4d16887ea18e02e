import { nodeImport } from "../optional-import.js";
import { onlyInNode } from "../runtime.js";
import type { Candidate } from "../types.js";

/** What is used of `@moekit/kernels-tensorflow`. */
interface TensorflowKernels {
  loadTensorflow(): Promise<{ readonly package: string; readonly version: string; readonly gpu: boolean }>;
}

/** TensorFlow's C library through `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`. */
export const tensorflow: Candidate = {
  name: "tensorflow",
  tfjsName: "tensorflow",
  install: "npm install @moekit/kernels-tensorflow @tensorflow/tfjs-node-gpu (NVIDIA GPU with CUDA 11.2) or @tensorflow/tfjs-node, on Node 20 or 22.",
  start: async () => {
    onlyInNode();
    const { loadTensorflow } = await nodeImport<TensorflowKernels>("@moekit/kernels-tensorflow");
    const { package: name, version, gpu } = await loadTensorflow();
    return { device: `${name} ${version} on ${gpu ? "GPU" : "CPU"}` };
  },
};
