/** The reference checkpoints on the compiled kernels. */
import { nativeBackendName } from "@moekit/kernels-native";
import { describe } from "vitest";
import { useBackend } from "./testing/fixtures.js";
import { referenceSuite } from "./testing/reference-suite.js";
import { whyNotNative } from "./testing/why-not-native.js";

const reason = whyNotNative();
if (reason) process.stdout.write(`skipped: ${reason}\n`);
describe.skipIf(reason)("on moekit-native", () => referenceSuite(() => useBackend(nativeBackendName)));
