import { beforeAll, describe, it } from "vitest";
import { REMOTE, useBackend } from "../fixtures/backends.js";
import { checkOpCase } from "../fixtures/check-op-case.js";
import { allCases } from "./cases.js";

// The cpu and wasm references take other paths than those of machines that cannot read synchronously, and these need no GPU to test.
describe.each(["cpu", "wasm", REMOTE])("ops on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(allCases.map((opCase) => [opCase.name, opCase] as const))("%s", (_name, opCase) => checkOpCase(opCase));
});
