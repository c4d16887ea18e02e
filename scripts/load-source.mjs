/**
 * Imports TypeScript sources of this repository without a build: bundles them through the export condition `@moekit/source`
 * and leaves every other package outside. Returns the module.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { root } from "./packages.mjs";

const scratch = mkdtempSync(join(root, "node_modules/.moekit-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const outside = { name: "outside", setup: ({ onResolve }) => onResolve({ filter: /^[^./]/ }, ({ path, kind }) => (kind === "entry-point" || /^(@moekit\/|moekit$)/.test(path) ? undefined : { external: true })) };

/** @param path - From the root of the repository, e.g. `packages/core/src/ops/cases.ts`. */
export async function loadSource(path) {
  const outfile = join(scratch, `${path.replaceAll("/", "-")}.mjs`);
  await build({
    entryPoints: [join(root, path)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@moekit/source"],
    plugins: [outside],
    logLevel: "error",
    sourcemap: "inline",
  });
  return import(pathToFileURL(outfile).href);
}
