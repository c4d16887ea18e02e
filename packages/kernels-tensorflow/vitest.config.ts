import { createRequire } from "node:module";
import { resolve } from "node:path";
import { mergeConfig } from "vitest/config";
import { packageTests } from "../../vitest.shared.ts";

/**
 * With MOEKIT_TFJS_NODE=DIR the tests use the tfjs-node in DIR/node_modules. It brings its own copy of tfjs, so the sources
 * of all packages must be given that one too: there may only be one.
 */
function aliases(dir: string | undefined) {
  if (!dir) return [];
  const node = createRequire(resolve(dir, "package.json")).resolve("@tensorflow/tfjs-node");
  const resolveThere = createRequire(node).resolve;
  const shared = ["@tensorflow/tfjs", "@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-cpu"];
  const places = [["@tensorflow/tfjs-node", node], ...shared.map((name) => [name, resolveThere(name)])];
  return places.map(([name, replacement]) => ({ find: new RegExp(`^${name}$`), replacement }));
}

export default mergeConfig(packageTests(import.meta.url), { resolve: { alias: aliases(process.env.MOEKIT_TFJS_NODE) } });
