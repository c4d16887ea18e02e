import { execFileSync } from "node:child_process";

/** By the first part of what compilers call their target. */
const ARCHITECTURES = { x86_64: "x64", aarch64: "arm64", arm64: "arm64" };

/**
 * The C++ compiler, $CXX or the first of the usual ones that answers, and what it compiles for: its own name of the target, and the
 * architecture as process.arch names it; undefined where there is none.
 */
export function findCompiler() {
  const candidates = [process.env.CXX, "c++", "g++", "clang++"].filter(Boolean);
  for (const command of candidates) {
    try {
      const ask = (question) => execFileSync(command, [question], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
      const target = ask("-dumpmachine");
      return { command, version: ask("--version"), target, architecture: ARCHITECTURES[target.split("-")[0]] };
    } catch {
      // Not this one.
    }
  }
  return undefined;
}
