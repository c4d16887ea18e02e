import { readdirSync, readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Root of the repository. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** All workspaces of a folder with their package.json. */
export function workspaces(folder) {
  const base = join(root, folder);
  return readdirSync(base)
    .filter((name) => existsSync(join(base, name, "package.json")))
    .map((name) => ({ name, dir: join(base, name), manifest: JSON.parse(readFileSync(join(base, name, "package.json"), "utf8")) }));
}

/** The published packages with sources: neither private ones nor those that only carry a compiled binary. */
export const libraries = () => workspaces("packages").filter(({ manifest }) => !manifest.private && manifest.exports);

/** All files below a folder that `keep` accepts, without those of installed packages in it. */
export function files(dir, keep) {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.slice(dir.length).includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(keep);
}
