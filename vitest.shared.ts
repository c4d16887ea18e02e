import { defineConfig } from "vitest/config";

/** Test settings of every package: sources are resolved across packages, so that no build is needed. */
export const packageTests = (_url: string) =>
  defineConfig({
    resolve: { conditions: ["@moekit/source", "node", "import", "default"] },
    ssr: { resolve: { conditions: ["@moekit/source", "node", "import", "default"] } },
    test: { include: ["src/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 120_000, pool: "forks", maxWorkers: 2 },
  });
