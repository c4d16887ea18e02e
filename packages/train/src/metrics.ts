import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { LayerLoad } from "./load.js";

/**
 * One balancing loss of a step, without its coefficient: the mean over micro-batches, weighted by their tokens.
 * @example const term: TermMetric = { name: "switch", layer: 0, value: 1.02, coefficient: 0.01 };
 */
export interface TermMetric {
  readonly name: string;
  readonly layer?: number;
  readonly part?: string;
  readonly value: number;
  readonly coefficient: number;
}

/**
 * What one optimiser step measured. Losses in nats per target token.
 * @example new Trainer({ ...options, hooks: { onStep: ({ step, loss }) => console.log(step, loss) } });
 */
export interface StepMetrics {
  readonly kind: "step";
  /** Optimiser steps done, from 1. */
  readonly step: number;
  /** `lmLoss` plus all terms times their coefficients. */
  readonly loss: number;
  /** Mean cross-entropy over the targets that are not ignored. */
  readonly lmLoss: number;
  readonly terms: readonly TermMetric[];
  /** Global norm over all parameters after accumulation, before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** Target tokens of the step. */
  readonly tokens: number;
  /** Target tokens per second of wall clock. */
  readonly tokensPerSecond: number;
  readonly layers: readonly LayerLoad[];
}

/**
 * Writes records as JSON lines, one at a time, each complete when the call returns.
 *
 * Records have a `step`, so that a resumed run can cut off what the interrupted one wrote after its last checkpoint.
 *
 * @example
 * const metrics = new MetricsWriter("run/metrics.jsonl");
 * metrics.write({ kind: "step", step: 1, loss: 5.5 });
 */
export class MetricsWriter {
  constructor(private readonly path: string) {
    mkdirSync(dirname(path), { recursive: true });
  }

  write(record: { readonly step: number }): void {
    appendFileSync(this.path, `${JSON.stringify(record)}\n`);
  }

  /** Drops the records past `step` and a last line that a crash cut short. `truncateAfter(0)` empties the file. */
  truncateAfter(step: number): void {
    if (!existsSync(this.path)) return;
    const kept = readFileSync(this.path, "utf8").split("\n").filter((line) => (recordStep(line) ?? Infinity) <= step);
    // A new file under the old name: a crash here leaves the old lines or the new ones.
    writeFileSync(`${this.path}.partial`, kept.map((line) => `${line}\n`).join(""));
    renameSync(`${this.path}.partial`, this.path);
  }
}

function recordStep(line: string): number | undefined {
  try {
    return (JSON.parse(line) as { step: number }).step;
  } catch {
    return undefined;
  }
}
