import { mkdir, mkdtemp } from "node:fs/promises";
import { basename, join } from "node:path";

/**
 * Bundles a TypeScript file of a package with the moekit sources it imports, so that a plain Node process can run it, and be
 * killed. Dependencies are found from the package's folder.
 *
 * @param packageUrl - `file:` URL of the package's folder, with a slash at the end.
 * @param entry - Path from there.
 * @returns The path of the bundle; remove its folder afterwards.
 * @example const script = await bundle(new URL("../../", import.meta.url), "src/testing/save-loop.ts");
 */
export async function bundle(packageUrl: URL, entry: string): Promise<string> {
  const cache = new URL("node_modules/.test-bundles/", packageUrl).pathname;
  await mkdir(cache, { recursive: true });
  const outDir = await mkdtemp(join(cache, "run-"));
  const { build } = await import("tsup"); // here, because most tests need none of it
  await build({
    entry: [new URL(entry, packageUrl).pathname],
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
