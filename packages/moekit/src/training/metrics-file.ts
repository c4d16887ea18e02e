import { readFile } from "node:fs/promises";
import type { Evaluation, StepMetrics } from "@moekit/train";

/** Everything a run measured, also before it was interrupted. */
export interface RunMetrics {
  readonly steps: readonly StepMetrics[];
  readonly evaluations: readonly Evaluation[];
}

/** Reads a `metrics.jsonl`. */
export async function readMetrics(file: string): Promise<RunMetrics> {
  const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line.length > 0);
  const records = lines.map((line) => JSON.parse(line) as StepMetrics | Evaluation);
  return {
    steps: records.filter((record): record is StepMetrics => record.kind === "step"),
    evaluations: records.filter((record): record is Evaluation => record.kind === "eval"),
  };
}
