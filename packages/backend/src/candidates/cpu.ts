import { activate } from "../activate.js";
import type { Candidate } from "../types.js";

/** Plain JavaScript: always there. */
export const cpu: Candidate = {
  name: "cpu",
  tfjsName: "cpu",
  install: "It comes with @tensorflow/tfjs.",
  start: async () => {
    const { registerJsKernels } = await import("@moekit/kernels-js");
    registerJsKernels("cpu");
    await activate("cpu");
    return { threads: 1 };
  },
};
