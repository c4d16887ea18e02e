import { join } from "node:path";
import { selectBackend, type BackendChoice } from "@moekit/backend";
import { disposeParameters } from "@moekit/core";
import { modelSize, saveModel, type MoeTransformer } from "@moekit/models";
import { latestCheckpoint, Trainer, type Evaluation } from "@moekit/train";
import { baseline } from "./baselines.js";
import type { BaselineResult, TrainingEvent } from "./events.js";
import { RunFolder } from "./run-folder.js";
import { evaluationInterval, stepsWithin } from "./step-budget.js";
import { balancingTerms, loadControllers, newModel, newOptimizer, newSchedule } from "./trainer-parts.js";
import type { TrainingConfig } from "./training-config.js";
import { trainingBatches, trainingData, type TrainingData } from "./training-data.js";
import type { ReportSample } from "@moekit/report";
import { writeReport } from "./write-report.js";

/**
 * How {@link trainingRun} runs.
 * @example const options: TrainingRunOptions = { out: "runs/sea", onEvent: (event) => console.log(event.kind) };
 */
export interface TrainingRunOptions {
  /** The folder to write. @defaultValue the config's `out`, else `runs/<name>` in the current folder */
  readonly out?: string;
  /** Go on from the newest checkpoint in the folder, with the losses of an uninterrupted run. */
  readonly resume?: boolean;
  /** Stops after the current step with a checkpoint that can be resumed. */
  readonly signal?: AbortSignal;
  /** Told everything that happens; waited for. */
  readonly onEvent?: (event: TrainingEvent) => void | Promise<void>;
}

/**
 * What a training run left.
 * @example const { out, evaluation, stopped }: TrainingRunResult = await trainingRun(config);
 */
export interface TrainingRunResult {
  /** Absolute path of the folder: a Hugging Face checkpoint with `metrics.jsonl`, `checkpoints/` and `report.html`. */
  readonly out: string;
  /** Optimiser steps done. */
  readonly step: number;
  readonly stopped: "finished" | "aborted";
  /** The last held-out losses; left out if the run was stopped before. */
  readonly evaluation?: Evaluation;
  readonly baselines: readonly BaselineResult[];
  /** Texts the model wrote; empty if the run was stopped before. */
  readonly samples: readonly ReportSample[];
  /** How much an expert tells about the domain of a token, in bits, mean over the layers; and with shuffled domain labels. */
  readonly specialisation?: { readonly information: number; readonly shuffled: number };
}

/**
 * Trains a model as a config says and writes everything into one folder: a Hugging Face checkpoint (`config.json`,
 * `model.safetensors`, `tokenizer.json`), `run.json` (the config as carried out), `metrics.jsonl`, `checkpoints/` for
 * resuming, and `report.html` with its numbers in `report.json`.
 *
 * What `moekit train` runs. Afterwards the model's tensors are freed.
 *
 * @throws ConfigError if the folder already holds a run, CheckpointError if there is none to resume, DataError if the text is
 * missing or too short, NonFiniteError if training diverges.
 * @example const { evaluation } = await trainingRun(await readTrainingConfig("train.json"), { out: "runs/first" });
 */
export async function trainingRun(config: TrainingConfig, options: TrainingRunOptions = {}): Promise<TrainingRunResult> {
  const { out = config.out ?? join("runs", config.name), resume = false, signal, onEvent = () => {} } = options;
  const folder = new RunFolder(out);
  await (resume ? folder.requireRun() : folder.requireNew());
  const backend = await selectBackend(config.backend);
  await onEvent({ kind: "backend", backend });
  const data = await trainingData(config, resume ? folder.tokenizer : undefined);
  await onEvent(dataEvent(data));
  signal?.throwIfAborted();
  const baselines = await measureBaselines(config, data, options);
  const resolved = await resolve(config, data, resume ? folder : undefined);
  if (!resume) await writeStart(folder, resolved.config, data);
  const model = newModel(resolved.config, data);
  try {
    return await train(model, { ...resolved, backend, folder, data, baselines, options });
  } finally {
    disposeParameters(model);
  }
}

/** A run with everything known before its first step. */
interface PreparedRun {
  readonly config: ResolvedConfig;
  readonly secondsPerStep?: number;
  readonly backend: BackendChoice;
  readonly folder: RunFolder;
  readonly data: TrainingData;
  readonly baselines: readonly BaselineResult[];
  readonly options: TrainingRunOptions;
}

/** A config whose number of steps is known. */
type ResolvedConfig = TrainingConfig & { readonly training: TrainingConfig["training"] & { readonly steps: number } };

async function train(model: MoeTransformer, run: PreparedRun): Promise<TrainingRunResult> {
  const { config, folder, baselines, secondsPerStep, options: { resume, onEvent } } = run;
  const trainer = newTrainer(model, run);
  try {
    const from = resume ? await trainer.resume(await latestCheckpoint(folder.checkpoints)) : 0;
    const { training: { steps, batchSize, sequenceLength, accumulate } } = config;
    await onEvent?.({ kind: "plan", steps, from, tokensPerStep: batchSize * sequenceLength * accumulate, secondsPerStep, size: modelSize(model.config, sequenceLength) });
    const { step, stopped } = await trainer.run().finally(() => onEvent?.({ kind: "trained", step: trainer.step }));
    await saveModel(model, folder.path);
    const result = { out: folder.path, step, stopped, baselines, samples: [] };
    if (stopped === "aborted") return result;
    const report = await writeReport(model, run);
    await onEvent?.({ kind: "report", path: folder.report });
    return { ...result, ...report };
  } finally {
    trainer.dispose();
  }
}

function newTrainer(model: MoeTransformer, { config, folder, data, options: { signal, onEvent } }: PreparedRun): Trainer {
  const { training, seed } = config;
  const { steps, accumulate, clipNorm, keepCheckpoints } = training;
  return new Trainer({
    model,
    data: trainingBatches(config, data.train),
    optimizer: newOptimizer(training),
    schedule: newSchedule(training, steps),
    balancing: balancingTerms(training),
    controllers: loadControllers(training, model),
    steps,
    accumulate,
    clipNorm,
    seed,
    signal,
    evaluate: { every: evaluationInterval(training, steps), windows: data.windows },
    checkpoint: { dir: folder.checkpoints, every: training.checkpointEvery ?? Math.ceil(steps / 4), keep: keepCheckpoints },
    metricsFile: folder.metrics,
    hooks: {
      onStep: async (metrics) => {
        await onEvent?.(metrics);
        // Backends that compute on the host never let go of the event loop, and Ctrl-C would wait for the end.
        await new Promise((resume) => setImmediate(resume));
      },
      onEval: (evaluation) => onEvent?.(evaluation),
      onCheckpoint: (checkpoint) => onEvent?.({ kind: "checkpoint", ...checkpoint }),
    },
  });
}

async function measureBaselines({ report }: TrainingConfig, data: TrainingData, { signal, onEvent }: TrainingRunOptions): Promise<BaselineResult[]> {
  const results: BaselineResult[] = [];
  for (const order of report.baselines) {
    const result = baseline(order, data);
    results.push(result);
    await onEvent?.(result);
    signal?.throwIfAborted();
  }
  return results;
}

/** Fills in the number of steps: measured for a new run, that of the first part for a resumed one. */
async function resolve(config: TrainingConfig, data: TrainingData, resumed: RunFolder | undefined): Promise<Pick<PreparedRun, "config" | "secondsPerStep">> {
  const { steps, minutes, ...training } = config.training;
  const withSteps = (known: number): ResolvedConfig => ({ ...config, training: { ...training, steps: known } });
  if (steps !== undefined) return { config: withSteps(steps) };
  if (resumed) return { config: withSteps((await resumed.readConfig()).training.steps!) };
  const budget = await stepsWithin(minutes!, config, data);
  return { config: withSteps(budget.steps), secondsPerStep: budget.secondsPerStep };
}

async function writeStart(folder: RunFolder, config: ResolvedConfig, { tokenizer }: TrainingData): Promise<void> {
  await folder.writeConfig(config);
  await folder.write(folder.tokenizer, JSON.stringify(tokenizer));
}

function dataEvent({ tokenizer, train: streams, heldOut, windows }: TrainingData): TrainingEvent {
  const domains = streams.map(({ name, tokens }, i) => ({ domain: name, trainTokens: tokens.length, heldOutTokens: heldOut[i]!.tokens.length, heldOutBytes: windows[i]!.bytes }));
  return { kind: "data", domains, vocabSize: tokenizer.vocabSize };
}
