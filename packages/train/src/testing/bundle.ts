import { mkdir, mkdtemp } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "tsup";

/** Bundles a TypeScript file of this package, so that a plain Node process can run it. Returns the path of the bundle. */
export async function bundle(entry: string): Promise<string> {
  const cache = new URL("../../node_modules/.test-bundles/", import.meta.url).pathname;
  await mkdir(cache, { recursive: true });
  const outDir = await mkdtemp(join(cache, "run-"));
  await build({
    entry: [entry],
    outDir,
    format: "esm",
    target: "node20",
    config: false,
    silent: true,
    noExternal: [/^@moekit\//],
    esbuildOptions: (options) => void (options.conditions = ["@moekit/source"]),
  });
  return join(outDir, `${basename(entry, ".ts")}.js`);
}
