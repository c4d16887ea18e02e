import { mergeConfig } from "vitest/config";
import { packageTests } from "../../vitest.shared.ts";

// Tests of memory collect the garbage before they measure, and the space for young objects must not grow in between.
export default mergeConfig(packageTests(import.meta.url), { test: { execArgv: ["--expose-gc", "--max-semi-space-size=2"] } });
