import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, workspaces } from "../packages.mjs";
import { table } from "./markdown.mjs";

/** The repository's README with its table of packages as their manifests have it. */
export function readmeWithPackages() {
  const packages = workspaces("packages").filter(({ manifest }) => !manifest.private);
  const rows = packages.map(({ name, manifest }) => [`[\`${manifest.name}\`](packages/${link(name)})`, manifest.description]);
  const [before, rest] = split(readFileSync(join(root, "README.md"), "utf8"), /^<!-- packages: .*-->\n/m);
  const after = rest.slice(rest.indexOf("<!-- /packages -->"));
  return `${before}${table(["package", "what it is"], rows)}\n${after}`;
}

/** The text up to and with the mark, and the rest. */
function split(text, mark) {
  const found = mark.exec(text);
  if (!found || !text.includes("<!-- /packages -->")) throw new Error("make-docs: README.md must have the marks <!-- packages: … --> and <!-- /packages -->");
  const end = found.index + found[0].length;
  return [text.slice(0, end), text.slice(end)];
}

/** typedoc knows the folders of packages with an API; of others it can copy a file. */
function link(name) {
  return name.startsWith("native-") ? `${name}/README.md` : name;
}
