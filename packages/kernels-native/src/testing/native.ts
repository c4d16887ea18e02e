/** Only for tests: the settings under which everything must hold. */
import * as tf from "@tensorflow/tfjs";
import { describe, beforeAll } from "vitest";
import { nativeBackendName, registerNativeBackend, setNativeInstructionSet, setNativeThreads } from "../register.js";

interface Settings {
  readonly instructionSet: string;
  readonly threads: number;
}

/** Every instruction set of this machine, with one thread and with two. */
function allSettings(): { settings: Settings[]; reason?: string } {
  try {
    const sets = registerNativeBackend().instructionSets;
    return { settings: sets.flatMap((instructionSet) => [1, 2].map((threads) => ({ instructionSet, threads }))) };
  } catch (error) {
    return { settings: [{ instructionSet: "none", threads: 1 }], reason: (error as Error).message };
  }
}

const { settings, reason } = allSettings();

/** Why there are no kernels here; tests are skipped then. */
export const whyNoKernels = reason;

/** Runs tests once per instruction set and number of threads. */
export function describeSettings(tests: (settings: Settings) => void): void {
  if (reason) process.stdout.write(`skipped: ${reason}\n`);
  for (const each of settings) {
    describe.skipIf(reason)(`${each.instructionSet}, ${each.threads} threads`, () => {
      beforeAll(() => useSettings(each));
      tests(each);
    });
  }
}

/** Makes the backend the active one, under the given settings. */
export async function useSettings({ instructionSet, threads }: Settings): Promise<void> {
  registerNativeBackend();
  setNativeInstructionSet(instructionSet);
  setNativeThreads(threads);
  await tf.setBackend(nativeBackendName);
}
