/**
 * Everything that can be tested on this machine: build, types, lint and tests of all packages (turbo, cached), then the checks
 * of the repository. The last line counts the tests of all packages; the exit code is not 0 if anything failed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, workspaces } from "./packages.mjs";

const tested = [...workspaces("packages"), ...workspaces("apps")].filter(({ manifest }) => manifest.scripts?.test);
for (const { dir } of tested) rmSync(resultsOf(dir), { force: true }); // turbo puts back those of cached runs

const turboFailed = run("npx", ["turbo", "run", "build", "typecheck", "lint", "test", "--continue=always", "--concurrency=2", "--output-logs=new-only"]);
const checksFailed = run("npm", ["run", "--silent", "check"]);
const total = tested.map(count).reduce((a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped }));
const failed = turboFailed || checksFailed || total.failed > 0;

if (turboFailed) console.error("test: a build, type check, lint or test failed; see above");
if (checksFailed) console.error("test: a check of the repository failed; see above");
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = failed ? 1 : 0;

function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: "inherit" }).status !== 0;
}

/** A package whose run left no results, or a file that could not be loaded, counts as one failed test. */
function count({ name, dir }) {
  const file = resultsOf(dir);
  if (!existsSync(file)) {
    console.error(`test: ${name} left no results`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const results = JSON.parse(readFileSync(file, "utf8"));
  const unloaded = results.testResults.filter(({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"));
  return { passed: results.numPassedTests, failed: results.numFailedTests + unloaded.length, skipped: results.numPendingTests + results.numTodoTests };
}

function resultsOf(dir) {
  return join(dir, "test-results.json");
}
