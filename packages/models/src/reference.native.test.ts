/** The reference checkpoints on the compiled kernels. */
import { nativeBackendName, registerNativeBackend } from "@moekit/kernels-native";
import { describe } from "vitest";
import { useBackend } from "./testing/fixtures.js";
import { referenceSuite } from "./testing/reference-suite.js";
import { whyNot } from "./testing/why-not.js";

const reason = whyNot(registerNativeBackend);
if (reason) process.stdout.write(`skipped: ${reason}\n`);
describe.skipIf(reason)("on moekit-native", () => referenceSuite(() => useBackend(nativeBackendName)));
