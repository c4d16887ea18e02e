export { loadTensorflow, type TensorflowInfo } from "./load-tensorflow.js";
export { registerTensorflowKernels, tensorflowKernelNames } from "./register.js";
