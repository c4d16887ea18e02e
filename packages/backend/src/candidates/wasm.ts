import * as tf from "@tensorflow/tfjs";
import { activate } from "../activate.js";
import type { Candidate } from "../types.js";

/**
 * WebAssembly. In Node the backend finds its binaries beside itself; a bundled program calls its `setWasmPaths` before.
 *
 * Threads are what the backend decides: several in a browser page that is cross-origin isolated, one in Node (it turns
 * them off there, and with them forced on it fails, because Node starts no worker from a blob).
 */
export const wasm: Candidate = {
  name: "wasm",
  tfjsName: "wasm",
  install: "it comes with @moekit/backend; in a browser, serve the .wasm files of @tensorflow/tfjs-backend-wasm and call its setWasmPaths first.",
  start: async () => {
    if (!("WebAssembly" in globalThis)) throw new Error("this JavaScript engine has no WebAssembly");
    const { getThreadsCount } = await import("@tensorflow/tfjs-backend-wasm");
    const { registerJsKernels } = await import("@moekit/kernels-js");
    registerJsKernels("wasm");
    await activate("wasm");
    const simd = await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT");
    return { threads: getThreadsCount(), ...(simd ? { simd: "wasm simd128" } : {}) };
  },
};
