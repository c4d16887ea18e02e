/** Every published package has README, licence, index, build settings and tests; publint finds nothing; core stays small. */
import { existsSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { files, workspaces } from "./packages.mjs";

const CORE_LIMIT_BYTES = 15_000;
const problems = [];
for (const { name, dir, manifest } of workspaces("packages")) {
  if (manifest.private) continue;
  for (const file of ["README.md", "src/index.ts", "tsup.config.ts", "dist/index.js", "dist/index.cjs", "dist/index.d.ts"])
    if (!existsSync(`${dir}/${file}`)) problems.push(`packages/${name}: ${file} is missing${file.startsWith("dist") ? " (run npm run build)" : ""}`);
  if (!files(`${dir}/src`, (f) => f.endsWith(".test.ts")).length) problems.push(`packages/${name} has no tests`);
  const { messages } = await publint({ pkgDir: dir, strict: true });
  for (const message of messages) problems.push(`packages/${name}: publint: ${formatMessage(message, manifest)}`);
}

const core = gzipSync(readFileSync(new URL("../packages/core/dist/index.js", import.meta.url))).length;
console.log(`packages: core is ${(core / 1000).toFixed(1)} kB gzipped (limit ${CORE_LIMIT_BYTES / 1000} kB)`);
if (core > CORE_LIMIT_BYTES) problems.push(`packages/core: ${core} bytes gzipped exceed ${CORE_LIMIT_BYTES}`);
for (const problem of problems) console.error(problem);
console.log(problems.length ? `packages: ${problems.length} problems` : "packages: all complete, publint clean");
process.exitCode = problems.length ? 1 : 0;
