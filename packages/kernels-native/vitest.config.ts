import { mergeConfig } from "vitest/config";
import { packageTests } from "../../vitest.shared.ts";

// Tests of memory collect the garbage before they measure.
export default mergeConfig(packageTests(import.meta.url), { test: { execArgv: ["--expose-gc"] } });
