/** The changesets name packages that exist; on a branch, packages that it changes have a changeset. */
import { execFileSync, spawnSync } from "node:child_process";
import releasePlan from "@changesets/get-release-plan";
import { root } from "./packages.mjs";

const { changesets, releases } = await (releasePlan.default ?? releasePlan)(root); // throws on a name or bump that does not exist
const [release] = releases.filter(({ type }) => type !== "none");
console.log(`changesets: ${changesets.length}, next release ${release ? release.newVersion : "none"}`);

const base = ["origin/main", "main"].map(commit).find(Boolean);
if (!base || base === commit("HEAD")) console.log("changesets: no branch to compare here");
else if (spawnSync("npx", ["changeset", "status", "--since", base], { cwd: root, stdio: "inherit" }).status !== 0) process.exitCode = 1;

function commit(name) {
  try {
    return execFileSync("git", ["rev-parse", "--verify", "--quiet", `${name}^{commit}`], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return undefined;
  }
}
