/** The reference checkpoints on the compiled kernels. */
import { nativeBackendName, registerNativeBackend } from "@moekit/kernels-native";
import { describe, it } from "vitest";
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
if (reason) describe("on moekit-native", () => it.skip(reason, () => {}));
else describe("on moekit-native", () => referenceSuite(() => useBackend(nativeBackendName)));
