import { execFileSync } from "node:child_process";

/** The C++ compiler: $CXX, or the first of the usual ones that answers; undefined where there is none. */
export function findCompiler() {
  const candidates = [process.env.CXX, "c++", "g++", "clang++"].filter(Boolean);
  for (const command of candidates) {
    try {
      return { command, version: execFileSync(command, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim() };
    } catch {
      // Not this one.
    }
  }
  return undefined;
}
