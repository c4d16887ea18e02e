import { allCases } from "@moekit/core/cases";
import { beforeAll, it } from "vitest";
import type { TestBackend } from "./backends.js";
import { checkOpCase } from "./check-op-case.js";
import { describeOn } from "./describe-on.js";

/** How a backend runs the suite. */
export interface OpSuiteOptions {
  /** Runs with the backend active, e.g. to register kernels. */
  readonly setup?: () => void | Promise<void>;
  /** False leaves out the large cases, those that are benchmarks too. */
  readonly large?: boolean;
  /** Cases that this backend cannot do, and why. A name that is no case fails, so that the list stays true. */
  readonly skip?: readonly { readonly reason: string; readonly cases: readonly string[] }[];
}

/**
 * Runs every case of every op of core on a backend; see {@link checkOpCase}. Skips all with the reason where the backend
 * is not available.
 *
 * @example await opSuite("wasm", { setup: () => registerJsKernels("wasm") });
 */
export async function opSuite(backend: TestBackend, { setup, large = true, skip = [] }: OpSuiteOptions = {}): Promise<void> {
  const reasons = new Map(skip.flatMap(({ reason, cases }) => cases.map((name) => [name, reason] as const)));
  for (const name of reasons.keys()) if (!allCases.some((opCase) => opCase.name === name)) throw new Error(`opSuite: there is no case "${name}" to skip`);
  await describeOn(backend, () => {
    beforeAll(() => setup?.());
    for (const opCase of allCases.filter(({ bench }) => large || !bench)) {
      const reason = reasons.get(opCase.name);
      it.skipIf(reason)(reason ? `${opCase.name} (skipped: ${reason})` : opCase.name, () => checkOpCase(opCase));
    }
  });
}
