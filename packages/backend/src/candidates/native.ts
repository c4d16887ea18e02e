import { activate } from "../activate.js";
import { nodeImport } from "../optional-import.js";
import { onlyInNode } from "../runtime.js";
import type { Candidate } from "../types.js";

/** What is used of `@moekit/kernels-native`. */
interface NativeKernels {
  /** Registers the backend `moekit-native`; throws the reason where there is no binary for this machine. */
  registerNativeBackend(): { readonly threads: number; readonly simd: string };
}

/** C++ kernels of moekit on the CPU. */
export const native: Candidate = {
  name: "native",
  tfjsName: "moekit-native",
  install: "npm install @moekit/kernels-native.",
  start: async () => {
    onlyInNode();
    const { registerNativeBackend } = await nodeImport<NativeKernels>("@moekit/kernels-native");
    const { threads, simd } = registerNativeBackend();
    await activate("moekit-native");
    return { threads, simd };
  },
};
