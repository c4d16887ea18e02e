import { opSuite } from "@moekit/testing";
import { registerJsKernels } from "./index.js";

await opSuite("cpu", { setup: () => registerJsKernels("cpu") });
await opSuite("wasm", { setup: () => registerJsKernels("wasm") });
