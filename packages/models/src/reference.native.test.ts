/** The reference checkpoints on the compiled kernels. */
import { nativeBackendName, registerNativeBackend } from "@moekit/kernels-native";
import { describe } from "vitest";
import { useBackend } from "./testing/fixtures.js";
import { referenceSuite } from "./testing/reference-suite.js";

/** Why they cannot run; undefined if they can. */
function whyNot(): string | undefined {
  try {
    registerNativeBackend();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const reason = whyNot();
if (reason) process.stdout.write(`skipped: ${reason}\n`);
describe.skipIf(reason)("on moekit-native", () => referenceSuite(() => useBackend(nativeBackendName)));
