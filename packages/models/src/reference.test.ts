/** The reference checkpoints on plain backends, where every op runs its reference. */
import { describe } from "vitest";
import { BACKENDS, useBackend } from "./testing/fixtures.js";
import { referenceSuite } from "./testing/reference-suite.js";

describe.each(BACKENDS)("on %s", (backend) => referenceSuite(() => useBackend(backend)));
