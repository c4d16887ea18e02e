/** The checks of the repository, all of them even if one fails, each with the seconds it took. They need a build. */
import { spawnSync } from "node:child_process";
import { root } from "./packages.mjs";

const checks = {
  tools: "eslint scripts bench --max-warnings 0 && tsc -p bench",
  arrows: "node scripts/check-arrows.mjs",
  packages: "node scripts/check-packages.mjs",
  size: "size-limit",
  examples: "node scripts/check-examples.mjs",
  snippets: "node scripts/check-snippets.mjs",
  "readme examples": "node scripts/run-readme-examples.mjs",
  docs: "node scripts/make-docs.mjs --check",
  "api reference": "typedoc",
  changesets: "node scripts/check-changesets.mjs",
};

const failed = Object.entries(checks).filter(([name, command]) => !passes(name, command)).map(([name]) => name);
console.log(failed.length ? `check: failed: ${failed.join(", ")}` : `check: all ${Object.keys(checks).length} passed`);
process.exitCode = failed.length ? 1 : 0;

function passes(name, command) {
  const started = performance.now();
  const ok = spawnSync(command, { cwd: root, stdio: "inherit", shell: true }).status === 0;
  console.log(`check: ${name}: ${ok ? "ok" : "FAILED"}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return ok;
}
