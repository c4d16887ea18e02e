/** The reference checkpoints with the kernels that people run. Kernels stay registered, so this is a file of its own. */
import { registerJsKernels } from "@moekit/kernels-js";
import { beforeAll, describe } from "vitest";
import { BACKENDS, useBackend } from "./testing/fixtures.js";
import { referenceSuite } from "./testing/reference-suite.js";

describe.each(BACKENDS)("on %s with the kernels of kernels-js", (backend) => {
  beforeAll(() => registerJsKernels(backend));
  referenceSuite(() => useBackend(backend));
});
