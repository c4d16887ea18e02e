/**
 * Every published package has README, licence, index, build settings and tests; publint finds nothing; and its types resolve
 * for `import` and `require` in what npm would publish (are the types wrong?). Needs a build.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { files, libraries, root } from "./packages.mjs";

const MUST_HAVE = ["README.md", "LICENSE", "src/index.ts", "tsup.config.ts", "dist/index.js", "dist/index.cjs", "dist/index.d.ts", "dist/index.d.cts"];

const problems = [];
const published = libraries();
for (const { name, dir } of published) {
  for (const file of MUST_HAVE) if (!existsSync(join(dir, file))) problem(name, `${file} is missing${file.startsWith("dist") ? " (run npm run build)" : ""}`);
  if (!files(join(dir, "src"), (f) => f.endsWith(".test.ts")).length) problem(name, "it has no tests");
}
for (const tarball of packed(published)) {
  await lint(tarball);
  await checkTypes(tarball);
}

for (const line of problems) console.error(line);
console.log(problems.length ? `packages: ${problems.length} problems` : `packages: ${published.length} complete, publint and attw find nothing`);
process.exitCode = problems.length ? 1 : 0;

/** The tarballs that npm would publish. */
function packed(packages) {
  const folder = mkdtempSync(join(tmpdir(), "moekit-pack-"));
  try {
    const only = packages.flatMap(({ manifest }) => ["-w", manifest.name]);
    const listed = JSON.parse(execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder, ...only], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
    return Object.values(listed).map(({ filename }) => readFileSync(join(folder, filename)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function lint(tarball) {
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true });
  for (const message of messages) problem(pkg.name, `publint: ${formatMessage(message, pkg)}`);
}

async function checkTypes(tarball) {
  const packed = createPackageFromTarballData(new Uint8Array(tarball));
  const result = await checkPackage(packed, { excludeEntrypoints: sourceOnly(packed) });
  if (!result.types) return problem(result.packageName, "attw: it ships no types");
  for (const found of result.problems) problem(result.packageName, `attw: ${found.kind} ${JSON.stringify(found)}`);
}

/** Entries such as `@moekit/core/cases` exist in this repository alone: no condition of a published package leads to them. */
function sourceOnly(packed) {
  const { exports } = JSON.parse(packed.readFile(`/node_modules/${packed.packageName}/package.json`));
  return Object.keys(exports).filter((entry) => Object.keys(exports[entry]).join() === "@moekit/source");
}

function problem(name, what) {
  problems.push(`${name}: ${what}`);
}
