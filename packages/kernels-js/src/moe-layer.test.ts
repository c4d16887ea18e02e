import { moeLayerSuite } from "@moekit/testing";
import { registerJsKernels } from "./index.js";

// All kernels at work together, with the ops of tfjs between them.
await moeLayerSuite("cpu", { setup: () => registerJsKernels("cpu") });
await moeLayerSuite("wasm", { setup: () => registerJsKernels("wasm") });
