import * as tf from "@tensorflow/tfjs";
import { CheckpointError, ConfigError, parameters, routerKey, trainableParameters, type ParameterMap } from "@moekit/core";
import { listCheckpoints } from "./checkpoint/folders.js";
import { readTrainerState, readVariables } from "./checkpoint/read-checkpoint.js";
import { controllerVariables, type Snapshot, type TrainerState } from "./checkpoint/snapshot.js";
import { writeCheckpoint } from "./checkpoint/write-checkpoint.js";
import { evaluate } from "./evaluate.js";
import { clip } from "./gradients.js";
import { layerLoad } from "./load.js";
import { MetricsWriter, type StepMetrics } from "./metrics.js";
import { requireFinite, requireFiniteParameters, type NamedNumber } from "./non-finite.js";
import { runStep, type StepResult } from "./optimizer-step.js";
import { resolveOptions, type CheckpointEvent, type ResolvedOptions, type TrainerOptions } from "./trainer-options.js";

/**
 * How a run ended.
 * @example const { stopped, step } = await trainer.run();
 */
export interface TrainResult {
  /** Optimiser steps done. */
  readonly step: number;
  readonly stopped: "finished" | "aborted";
  /** The newest checkpoint of this run, where it writes any. */
  readonly checkpoint?: string;
}

/**
 * Trains any `LanguageModel`: gradient accumulation, clipping, balancing losses and controllers, evaluation,
 * metrics, checkpoints and exact resume.
 *
 * A step: the micro-batches run forward and backward and their gradients are summed (the language-model loss is the mean over
 * all target tokens of the step, balancing losses are weighted by tokens); one read-back brings losses, counts and gradient
 * norms; if all are finite, gradients are clipped, parameters updated, and the controllers called once with the exact counts.
 * With several micro-batches and a balancing term of scope `global-batch`, a counting pass over all of them comes first, so
 * that the loss is that of the concatenated batch; it costs one more forward pass.
 *
 * @source Balancing over the global batch: Qiu et al. 2025, arXiv:2501.11873, with exact counts instead of the buffer.
 * @example
 * const trainer = new Trainer({ model, data, optimizer: adamw(), schedule: cosine({ peak: 1e-3, steps: 500 }), steps: 500 });
 * await trainer.run();
 */
export class Trainer {
  private readonly options: ResolvedOptions;
  private readonly trained: ParameterMap;
  private readonly metrics?: MetricsWriter;
  private done = 0;
  private resumed = false;
  private lastCheckpoint?: CheckpointEvent;

  /** @throws ConfigError if a setting is out of range or the model has nothing to train. */
  constructor(options: TrainerOptions) {
    this.options = resolveOptions(options);
    this.trained = trainableParameters(this.options.model);
    if (Object.keys(this.trained).length === 0) throw new ConfigError("Trainer: the model has no trainable variable among its fields.");
    this.options.optimizer.prepare(this.trained);
    if (this.options.metricsFile) this.metrics = new MetricsWriter(this.options.metricsFile);
  }

  /** Optimiser steps done. */
  get step(): number {
    return this.done;
  }

  /**
   * Trains up to `steps` and writes a last checkpoint.
   *
   * @throws NonFiniteError if a loss or gradient is NaN or infinite, naming it and the last good checkpoint; the parameters are
   * those of the last good step. Also if a checkpoint is due and the update itself was not finite; nothing is saved then.
   * ConfigError if a fresh run would mix its checkpoints with those of another.
   */
  async run(): Promise<TrainResult> {
    if (!this.resumed && this.done === 0) await this.begin();
    while (this.done < this.options.steps && !this.options.signal?.aborted) {
      await this.trainStep();
      await this.evaluateIfDue();
      if (this.isDue(this.options.checkpoint?.every)) await this.save();
    }
    if (this.options.signal?.aborted) await this.save();
    return { step: this.done, stopped: this.done < this.options.steps ? "aborted" : "finished", checkpoint: this.lastCheckpoint?.path };
  }

  /**
   * Restores everything from a checkpoint, so that {@link Trainer.run} goes on with the losses of an uninterrupted run, bit for
   * bit on the same backend. Metrics past the checkpoint's step are cut off.
   *
   * @param path - A checkpoint, e.g. `run/checkpoints/step-000100` (see {@link latestCheckpoint}).
   * @returns The step to go on from.
   * @throws CheckpointError if a file is damaged or does not fit, DataError if the data are not those of the first run; nothing is
   * changed then.
   */
  async resume(path: string): Promise<number> {
    const state = await readTrainerState(path);
    const { seed, optimizer } = this.options;
    if (state.optimizer !== optimizer.id) throw new CheckpointError(`resume: ${path} was written with the optimiser "${state.optimizer}"; this run uses "${optimizer.id}".`);
    if (state.seed !== seed) throw new CheckpointError(`resume: ${path} was written with seed ${state.seed}; this run uses ${seed}. Pass the seed of the first run.`);
    await this.restore(path, state);
    this.metrics?.truncateAfter(state.step);
    this.lastCheckpoint = { step: state.step, path };
    this.resumed = true;
    return (this.done = state.step);
  }

  /** Frees the optimiser's state. The model stays. */
  dispose(): void {
    this.options.optimizer.dispose();
  }

  private async restore(path: string, state: TrainerState): Promise<void> {
    const { data } = this.options;
    const before = data.state();
    data.restore(state.data);
    await readVariables(path, this.variables()).catch((error: unknown) => {
      data.restore(before);
      throw error;
    });
  }

  private async begin(): Promise<void> {
    const { checkpoint } = this.options;
    const existing = checkpoint ? await listCheckpoints(checkpoint.dir) : [];
    if (existing.length > 0) throw new ConfigError(`Trainer: ${checkpoint!.dir} already holds ${existing.length} checkpoints. Resume from one of them, or give a new folder.`);
    this.metrics?.truncateAfter(0);
  }

  private async trainStep(): Promise<void> {
    const start = performance.now();
    const result = await runStep(this.options, this.trained, this.done);
    const norms = await this.update(result).finally(() => tf.dispose(result.gradients));
    const metrics = stepMetrics(this.done, result, { ...norms, seconds: (performance.now() - start) / 1000 });
    this.metrics?.write(metrics);
    await this.options.hooks.onStep?.(metrics);
  }

  /** Nothing changes before everything is known to be finite. */
  private async update(result: StepResult): Promise<{ gradNorm: number; learningRate: number }> {
    const { optimizer, schedule, clipNorm, controllers } = this.options;
    const step = this.done + 1;
    const gradNorm = Math.sqrt(Object.values(result.squares).reduce((a, b) => a + b, 0));
    const learningRate = schedule(this.done);
    await requireFinite(step, namedNumbers(result, learningRate), this.trained, this.lastCheckpoint?.path);
    clip(result.gradients, gradNorm, clipNorm);
    optimizer.step(result.gradients, { learningRate, step });
    for (const controller of controllers) controller.afterStep(result.counts);
    this.done = step;
    return { gradNorm, learningRate };
  }

  private async evaluateIfDue(): Promise<void> {
    const { evaluate: settings, model, hooks } = this.options;
    if (!settings || !this.isDue(settings.every)) return;
    const evaluation = await evaluate(model, settings.windows, this.done);
    this.metrics?.write(evaluation);
    await hooks.onEval?.(evaluation);
  }

  private isDue(every: number | undefined): boolean {
    return every !== undefined && (this.done % every === 0 || this.done === this.options.steps);
  }

  private async save(): Promise<void> {
    const { checkpoint, hooks, seed, optimizer, data } = this.options;
    if (!checkpoint || this.lastCheckpoint?.step === this.done) return;
    await requireFiniteParameters(this.done, this.trained, this.lastCheckpoint?.path);
    const trainer = { format: 1, step: this.done, seed, optimizer: optimizer.id, data: data.state() } as const;
    const path = await writeCheckpoint(checkpoint.dir, { trainer, ...this.variables() }, checkpoint.keep ?? 2);
    this.lastCheckpoint = { step: this.done, path };
    await hooks.onCheckpoint?.(this.lastCheckpoint);
  }

  private variables(): Omit<Snapshot, "trainer"> {
    const { model, optimizer, controllers } = this.options;
    return { model: parameters(model), optimizer: optimizer.state(), controllers: controllerVariables(controllers) };
  }
}

function namedNumbers({ lmLoss, terms, squares }: StepResult, learningRate: number): NamedNumber[] {
  return [
    { name: "the language-model loss", value: lmLoss },
    ...terms.map(({ name, layer, part, value }) => ({ name: `the balancing loss ${name}${layer === undefined ? "" : ` of layer ${routerKey({ layer, part })}`}`, value })),
    ...Object.entries(squares).map(([path, value]) => ({ name: `the gradient of ${path}`, value })),
    { name: "the learning rate", value: learningRate },
  ];
}

function stepMetrics(step: number, { lmLoss, terms, counts, tokens }: StepResult, measured: { gradNorm: number; learningRate: number; seconds: number }): StepMetrics {
  const { gradNorm, learningRate, seconds } = measured;
  const loss = terms.reduce((sum, { coefficient, value }) => sum + coefficient * value, lmLoss);
  return { kind: "step", step, loss, lmLoss, terms, gradNorm, learningRate, tokens, tokensPerSecond: tokens / seconds, layers: counts.map(layerLoad) };
}
