import type { BalancingTerm, LanguageModel, LoadController, RoutingTrace } from "@moekit/core";
import type { Batch, BatchSource } from "@moekit/data";
import type { Evaluation, EvaluationSet } from "./evaluate.js";
import type { StepMetrics } from "./metrics.js";
import type { Optimizer } from "./optimizers/index.js";
import { requireAtLeast, requireWhole } from "./require.js";
import type { Schedule } from "./schedules/index.js";

/**
 * One micro-batch, while the tensors of its forward pass live.
 * @example new Trainer({ ...options, hooks: { onMicroStep: ({ trace }) => collector.add(trace) } });
 */
export interface MicroStepEvent {
  /** Optimiser step in progress, from 1. */
  readonly step: number;
  /** Index of the micro-batch in the step, from 0. */
  readonly micro: number;
  readonly batch: Batch;
  /** What the routers decided. The tensors are gone when the hook returns; keep what you need as numbers or with `tf.keep`. */
  readonly trace: RoutingTrace;
}

/**
 * A checkpoint that has just been completed.
 * @example const saved: CheckpointEvent = { step: 100, path: "run/checkpoints/step-000100" };
 */
export interface CheckpointEvent {
  readonly step: number;
  readonly path: string;
}

/**
 * Functions called during training. `onMicroStep` runs once per micro-batch inside its forward pass and must be synchronous;
 * none runs in evaluation or in the counting pass. Hooks observe; a hook that throws stops the run.
 *
 * @example const hooks: TrainerHooks = { onStep: ({ step, loss }) => console.log(step, loss) };
 */
export interface TrainerHooks {
  onMicroStep?(event: MicroStepEvent): void;
  onStep?(metrics: StepMetrics): void | Promise<void>;
  onEval?(evaluation: Evaluation): void | Promise<void>;
  onCheckpoint?(event: CheckpointEvent): void | Promise<void>;
}

/**
 * Where and how often checkpoints are written.
 * @example const checkpoint: CheckpointOptions = { dir: "run/checkpoints", every: 100, keep: 3 };
 */
export interface CheckpointOptions {
  /** Folder that holds `step-000100`, `step-000200`, ... of this run and of no other. */
  readonly dir: string;
  /** Steps between checkpoints; the last step and an abort write one too. */
  readonly every: number;
  /** How many of the newest to keep; default 2. */
  readonly keep?: number;
}

/**
 * What a {@link Trainer} needs.
 * @example const options: TrainerOptions = { model, data, optimizer: adamw(), schedule: constant({ peak: 1e-3 }), steps: 100 };
 */
export interface TrainerOptions {
  readonly model: LanguageModel;
  readonly data: BatchSource;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  /** Optimiser steps of the whole run. */
  readonly steps: number;
  /** Micro-batches per optimiser step; default 1. */
  readonly accumulate?: number;
  /** Largest global gradient norm; default 1. `Infinity` never clips. */
  readonly clipNorm?: number;
  /** Losses added to the language-model loss, each with its own coefficients per layer. */
  readonly balancing?: readonly BalancingTerm[];
  /** Called once after each optimiser step with the exact counts of that step. */
  readonly controllers?: readonly LoadController[];
  /** Seed of routing noise; default 0. */
  readonly seed?: number;
  readonly checkpoint?: CheckpointOptions;
  /** Evaluates after every so many steps and after the last one, e.g. on the `evaluationWindows` of `@moekit/data`. */
  readonly evaluate?: { readonly every: number; readonly windows: readonly EvaluationSet[] };
  /** File for one JSON line per step and per evaluation. */
  readonly metricsFile?: string;
  readonly hooks?: TrainerHooks;
  /** Stops after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
}

/** The options with their defaults filled in. @throws ConfigError naming the setting that is out of range. */
export function resolveOptions(options: TrainerOptions): ResolvedOptions {
  const resolved = { accumulate: 1, clipNorm: 1, balancing: [], controllers: [], seed: 0, hooks: {}, ...definedOnly(options) };
  requireWhole("Trainer", { steps: resolved.steps, accumulate: resolved.accumulate }, 1);
  requireWhole("Trainer", { seed: resolved.seed }, 0);
  if (resolved.clipNorm !== Infinity) requireAtLeast("Trainer", { clipNorm: resolved.clipNorm }, Number.MIN_VALUE);
  if (resolved.evaluate) requireWhole("Trainer", { "evaluate.every": resolved.evaluate.every }, 1);
  if (resolved.checkpoint) requireWhole("Trainer", { "checkpoint.every": resolved.checkpoint.every, "checkpoint.keep": resolved.checkpoint.keep ?? 2 }, 1);
  return resolved;
}

function definedOnly(options: TrainerOptions): TrainerOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as unknown as TrainerOptions;
}

/** {@link TrainerOptions} with defaults. */
export type ResolvedOptions = TrainerOptions & Required<Pick<TrainerOptions, "accumulate" | "clipNorm" | "balancing" | "controllers" | "seed" | "hooks">>;
