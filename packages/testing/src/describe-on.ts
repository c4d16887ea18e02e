import { beforeAll, describe } from "vitest";
import { type TestBackend, useBackend, whyUnavailable } from "./backends.js";

/**
 * Tests on a backend: active before the tests start, or skipped with the reason where it is not available.
 * @example await describeOn("webgpu", () => it("adds", async () => expect(await tf.add(1, 2).data()).toEqual(Float32Array.of(3))));
 */
export async function describeOn(backend: TestBackend, tests: () => void): Promise<void> {
  const reason = await whyUnavailable(backend);
  if (reason) process.stdout.write(`skipped on ${backend}: ${reason}\n`);
  describe.skipIf(reason)(`on ${backend}`, () => {
    beforeAll(() => useBackend(backend));
    tests();
  });
}
