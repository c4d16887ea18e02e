/**
 * Writes the pages that come from data in the source: one per method (`docs/methods/<id>.md`) with an index, the table of
 * ops (`docs/ops.md`), and the table of packages in the README. With `--check` nothing is written: a missing, stale or superfluous page is an error.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { methodPages } from "./docs/method-pages.mjs";
import { opTable } from "./docs/op-table.mjs";
import { readmeWithPackages } from "./docs/package-table.mjs";
import { root } from "./packages.mjs";

const folder = join(root, "docs/methods");
const pages = new Map([...(await methodPages()), ["docs/ops.md", await opTable()], ["README.md", readmeWithPackages()]]);
const superfluous = existsSync(folder) ? readdirSync(folder).map((name) => `docs/methods/${name}`).filter((path) => !pages.has(path)) : [];
const stale = [...pages].filter(([path, text]) => !existsSync(join(root, path)) || readFileSync(join(root, path), "utf8") !== text).map(([path]) => path);

if (process.argv.includes("--check")) check();
else write();

function check() {
  for (const path of stale) console.error(`${path} is missing or stale: run npm run docs`);
  for (const path of superfluous) console.error(`${path} belongs to no method: run npm run docs`);
  if (stale.length + superfluous.length) process.exitCode = 1;
  else console.log(`docs: ${pages.size} generated pages are up to date`);
}

function write() {
  mkdirSync(folder, { recursive: true });
  for (const path of stale) writeFileSync(join(root, path), pages.get(path));
  for (const path of superfluous) rmSync(join(root, path));
  console.log(`docs: ${stale.length} pages written, ${superfluous.length} removed, ${pages.size} in all`);
}
