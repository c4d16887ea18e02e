/** The most this machine can do, for the roofline: rates of multiply-add in registers and of reads from memory (x86-64 with AVX-512, a C++ compiler). */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Options, Outcome, Result } from "./lib/benchmark.ts";

const FLAGS = ["-O2", "-std=c++17", "-pthread", "-march=native"];

export async function run(_options: Options, report: (result: Result) => void): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "peaks-"));
  try {
    const program = join(folder, "peaks");
    execFileSync(process.env.CXX ?? "c++", [...FLAGS, join(process.cwd(), "bench/peaks.cc"), "-o", program]);
    const facts = JSON.parse(execFileSync(program, [String(availableParallelism())], { encoding: "utf8" })) as Record<string, number>;
    const result: Result = { backend: "native", name: "peaks: GFLOP/s of f32 and bf16, GB/s of read", ms: 0, spread: [0, 0], facts };
    report(result);
    return { results: [result], skipped: [] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
