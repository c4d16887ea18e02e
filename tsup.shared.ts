import { defineConfig, type Options } from "tsup";

/** The build of every published package: ESM + CommonJS + types. Dependencies stay outside the bundle. */
export const library = (options: Options = {}) =>
  defineConfig({
    entry: ["src/index.ts"],
    format: ["esm", "cjs"],
    target: "node20",
    // tsup sets `baseUrl` for its declaration build, which TypeScript 6 only accepts with this flag.
    dts: { compilerOptions: { ignoreDeprecations: "6.0", customConditions: [] } },
    clean: true,
    sourcemap: true,
    treeshake: true,
    ...options,
  });
