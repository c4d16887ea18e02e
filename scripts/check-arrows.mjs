/** Arrows point down only: every import of a moekit package must be allowed here and declared in package.json. */
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { files, root, workspaces } from "./packages.mjs";

const may = {
  core: [],
  backend: ["core", "kernels-js", "kernels-tensorflow", "kernels-native"], // dynamically, when installed
  "kernels-js": ["core"],
  "kernels-native": ["core"],
  "kernels-tensorflow": ["core"],
  routing: ["core"],
  balancing: ["core"],
  data: ["core"],
  report: ["core", "balancing"],
  models: ["core", "routing", "balancing"],
  train: ["core", "balancing", "data", "models"],
  moekit: ["core", "backend", "balancing", "data", "kernels-js", "models", "report", "routing", "train"],
};

const problems = [];
for (const { name, dir, manifest } of workspaces("packages")) {
  if (name === "testing" || name.startsWith("native-")) continue; // what only tests see, and packages without sources
  if (!may[name]) problems.push(`packages/${name} is not in scripts/check-arrows.mjs: say what it may import`);
  for (const file of files(`${dir}/src`, (f) => /\.tsx?$/.test(f))) check(file, name, manifest);
}
for (const { name, dir, manifest } of workspaces("apps")) for (const file of files(dir, (f) => /\.(ts|mjs)$/.test(f) && !f.includes("/dist/"))) checkApp(file, name, manifest);

function imports(file) {
  return [...readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].map((m) => m[1]);
}

function check(file, name, manifest) {
  const isTest = /\.(test|cases)\.ts$/.test(file);
  for (const target of imports(file)) {
    const to = /^@moekit\/([\w-]+)/.exec(target)?.[1] ?? (target === "moekit" ? "moekit" : undefined);
    if (target.startsWith(".") && relative(`${root}packages/${name}`, new URL(target, `file://${file}`).pathname).startsWith(".."))
      problems.push(`${relative(root, file)} reaches into another package: ${target}`);
    if (!to || to === name) continue;
    if (isTest) continue; // a test may use any package; turbo orders them
    if (!may[name]?.includes(to)) problems.push(`${relative(root, file)} imports ${target}: arrows point down only`);
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies };
    if (!(target.split("/").slice(0, 2).join("/") in declared) && !(to in declared)) problems.push(`${relative(root, file)} imports ${target}, which its package.json does not declare`);
  }
}

function checkApp(file, name, manifest) {
  for (const target of imports(file)) {
    const inner = target.startsWith(".") && relative(`${root}apps/${name}`, new URL(target, `file://${file}`).pathname).startsWith("..");
    if (inner) problems.push(`${relative(root, file)} imports ${target}: apps import published names only`);
    const to = /^(@moekit\/[\w-]+|moekit)$/.exec(target)?.[1];
    if (to && !(to in (manifest.dependencies ?? {}))) problems.push(`${relative(root, file)} imports ${target}, which its package.json does not declare`);
  }
}

for (const problem of problems) console.error(problem);
console.log(problems.length ? `arrows: ${problems.length} problems` : "arrows: every import points down");
process.exitCode = problems.length ? 1 : 0;
