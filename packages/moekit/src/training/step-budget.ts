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

/** A first look, of which the first half warms up kernels and the compiler. */
const FEW_STEPS = 12;
/** Steps shorter than this get faster for longer, and are measured again over more of them. */
const [SHORT_SECONDS, MANY_STEPS] = [0.2, 60];
/** Evaluations in a run that does not say how often, but no more than one in so many steps. */
const [EVALUATIONS, LEAST_STEPS_BETWEEN] = [8, 25];

/** Steps between evaluations. */
export function evaluationInterval({ evaluateEvery }: TrainingConfig["training"], steps: number): number {
  return evaluateEvery ?? Math.max(LEAST_STEPS_BETWEEN, Math.ceil(steps / EVALUATIONS));
}

/**
 * Measures a few steps of a model that is thrown away, and says how many fit into `minutes` beside the evaluations. A pass
 * over held-out text is counted as half the work of training on as many tokens.
 */
export async function stepsWithin(minutes: number, config: TrainingConfig, data: TrainingData): Promise<StepBudget> {
  const { training } = config;
  const seconds = await measure(config, data);
  const heldOutTokens = data.windows.flatMap(({ batches }) => batches).reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const secondsPerEvaluation = (0.5 * seconds * heldOutTokens) / (training.batchSize * training.sequenceLength * training.accumulate);
  const fits = (steps: number) => steps * seconds + Math.ceil(steps / evaluationInterval(training, steps)) * secondsPerEvaluation <= minutes * 60;
  return { steps: largest(fits), secondsPerStep: seconds };
}

/** The largest whole number from 1 that fits, by halving; 1 if none does. */
function largest(fits: (value: number) => boolean): number {
  let [low, high] = [1, 2];
  while (fits(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

async function measure(config: TrainingConfig, data: TrainingData): Promise<number> {
  const seconds = await secondsPerStep(FEW_STEPS, config, data);
  return seconds < SHORT_SECONDS ? secondsPerStep(MANY_STEPS, config, data) : seconds;
}

/** The lower quartile of the second half of so many steps: a long run is as fast as the quick ones of a young process. */
async function secondsPerStep(steps: number, config: TrainingConfig, data: TrainingData): Promise<number> {
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
    steps,
    seed,
    hooks: { onStep: ({ tokens, tokensPerSecond }) => void seconds.push(tokens / tokensPerSecond) },
  });
  await trainer.run();
  trainer.dispose();
  disposeParameters(model);
  const measured = seconds.slice(steps / 2).sort((a, b) => a - b);
  return measured[measured.length >> 2]!;
}
