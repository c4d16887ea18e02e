export { type JsKernelBackend, jsKernelNames, registerJsKernels } from "./register.js";
