import * as tf from "@tensorflow/tfjs";
import { activate } from "../activate.js";
import type { Candidate } from "../types.js";

/** Plain JavaScript: always there. */
export const cpu: Candidate = {
  name: "cpu",
  tfjsName: "cpu",
  install: "it comes with @tensorflow/tfjs.",
  start: async () => {
    const { registerJsKernels } = await import("@moekit/kernels-js");
    registerJsKernels("cpu");
    await activate("cpu");
    // Its first tensor prints an advertisement for tfjs-node, which was tried before, or not wanted.
    (tf.backend() as { firstUse?: boolean }).firstUse = false;
    return { threads: 1 };
  },
};
