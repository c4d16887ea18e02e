import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { root, workspaces } from "../../scripts/packages.mjs";

/** More runnable processes than this per core, and the numbers of a benchmark say little. */
const BUSY_PER_CORE = 0.5;

/** One-minute load average, and whether it is too high to measure. */
export function load() {
  const load1 = Number(loadavg()[0].toFixed(2));
  const cores = availableParallelism();
  return { load1, cores, loaded: load1 > BUSY_PER_CORE * cores };
}

/** What a number depends on: processor, memory, Node, library versions, commit. */
export function machine() {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    realTime: isRealTime(),
    versions: Object.fromEntries([...installed(["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"]), ...workspaces("packages").map(({ manifest }) => [manifest.name, manifest.version])]),
    commit: git("rev-parse", "HEAD"),
    uncommittedChanges: git("status", "--porcelain") !== "",
  };
}

/** Whether Linux schedules this process, and so the peers that it starts, before all ordinary ones (`chrt -r 20 npm run bench ...`). */
function isRealTime() {
  if (process.platform !== "linux") return false;
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ");
  return fields[38] !== "0"; // the policy, field 41 counting from 1; the two before ") " are left out
}

function installed(names) {
  return names.map((name) => [name, JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version]);
}

function git(...args) {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "unknown";
  }
}
