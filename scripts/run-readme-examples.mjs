/**
 * Runs the first ```ts example of every package README against the built packages, as a user's file would run.
 * Types are stripped by TypeScript itself; the example runs in a scratch folder inside the repository, so that names resolve.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import ts from "typescript";
import { libraries, root } from "./packages.mjs";

const scratch = `${root}node_modules/.readme-examples`;
rmSync(scratch, { recursive: true, force: true });
mkdirSync(scratch, { recursive: true });
let failed = 0;
for (const { name, dir } of libraries()) {
  const readme = `${dir}/README.md`;
  const example = existsSync(readme) && /```ts\n([\s\S]*?)```/.exec(readFileSync(readme, "utf8"))?.[1];
  if (!example) fail(name, "its README has no ```ts example");
  else run(name, example);
}
if (failed) process.exit(1);
console.log("readme examples: all ran");

function run(name, example) {
  const file = `${scratch}/${name}.mjs`;
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };
  writeFileSync(file, ts.transpileModule(example, { compilerOptions: options }).outputText);
  try {
    const out = execFileSync(process.execPath, [file], { encoding: "utf8", cwd: scratch, timeout: 120_000, stdio: ["ignore", "pipe", "pipe"] });
    if (!out.trim()) fail(name, "its README example prints nothing");
    else console.log(`readme example of ${name}: ${out.trim().split("\n").at(-1).slice(0, 100)}`);
  } catch (error) {
    fail(name, `its README example failed:\n${error.stderr ?? error}`);
  }
}

function fail(name, why) {
  failed++;
  console.error(`packages/${name}: ${why}`);
}
