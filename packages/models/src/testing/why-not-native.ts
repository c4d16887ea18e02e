import { registerNativeBackend } from "@moekit/kernels-native";

/** Why the compiled kernels cannot run; undefined if they can, and are registered. */
export function whyNotNative(): string | undefined {
  try {
    registerNativeBackend();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
