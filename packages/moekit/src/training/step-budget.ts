import { disposeParameters } from "@moekit/core";
import { constant, Trainer } from "@moekit/train";
import { balancingTerms, newModel, newOptimizer } from "./trainer-parts.js";
import type { TrainingConfig } from "./training-config.js";
import { trainingBatches, type TrainingData } from "./training-data.js";

/** How many optimiser steps fit, and the speed it was concluded from. */
export interface StepBudget {
  readonly steps: number;
  readonly secondsPerStep: number;
}

const PROBE_STEPS = 6;
/** The first steps also warm up kernels and the compiler. */
const WARM_UP = 2;
/** Evaluations in a run that does not say how often; see `resolvedTraining`. */
export const DEFAULT_EVALUATIONS = 8;

/**
 * Measures a few steps of a model that is thrown away, and says how many fit into `minutes` beside the evaluations. A pass
 * over held-out text is counted as half the work of training on as many tokens.
 */
export async function stepsWithin(minutes: number, config: TrainingConfig, data: TrainingData): Promise<StepBudget> {
  const secondsPerStep = await measure(config, data);
  const { batchSize, sequenceLength, accumulate, evaluateEvery } = config.training;
  const tokensPerStep = batchSize * sequenceLength * accumulate;
  const evaluation = (0.5 * secondsPerStep * data.windows.reduce((sum, { batches }) => sum + batches.reduce((all, batch) => all + batch.inputIds.length, 0), 0)) / tokensPerStep;
  const steps = evaluateEvery ? (minutes * 60) / (secondsPerStep + evaluation / evaluateEvery) : (minutes * 60 - DEFAULT_EVALUATIONS * evaluation) / secondsPerStep;
  return { steps: Math.max(1, Math.floor(steps)), secondsPerStep };
}

async function measure(config: TrainingConfig, data: TrainingData): Promise<number> {
  const { training, seed } = config;
  const model = newModel(config, data);
  const seconds: number[] = [];
  const trainer = new Trainer({
    model,
    data: trainingBatches(config, data.train),
    optimizer: newOptimizer(training),
    schedule: constant({ peak: 1e-6 }),
    balancing: balancingTerms(training),
    accumulate: training.accumulate,
    steps: PROBE_STEPS,
    seed,
    hooks: { onStep: ({ tokens, tokensPerSecond }) => void seconds.push(tokens / tokensPerSecond) },
  });
  await trainer.run();
  trainer.dispose();
  disposeParameters(model);
  return seconds.slice(WARM_UP).reduce((a, b) => a + b, 0) / (PROBE_STEPS - WARM_UP);
}
