import { defineConfig } from "vitest/config";

const conditions = ["@moekit/source", "node", "import", "default"];

/**
 * Test settings of every package: sources are resolved across packages, so that no build is needed. Under turbo the results
 * are also written to `test-results.json`, which turbo caches and `scripts/test.mjs` adds up.
 */
export const packageTests = (_url: string) =>
  defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      include: ["src/**/*.test.ts"],
      testTimeout: 120_000,
      hookTimeout: 120_000,
      pool: "forks",
      maxWorkers: 2,
      reporters: process.env.TURBO_HASH ? ["default", ["json", { outputFile: "test-results.json" }]] : ["default"],
    },
  });
