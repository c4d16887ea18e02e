import * as tf from "@tensorflow/tfjs";
import { DataError, type LayerCounts, type ParameterMap, type RoutingTrace } from "@moekit/core";
import type { Batch } from "@moekit/data";
import { numTargets, numTokens } from "./batch.js";
import { accumulate, squaredNorms } from "./gradients.js";
import type { TermMetric } from "./metrics.js";
import { countingPass, microStep, type Gradients, type MicroResult, type MicroStep, type NumbersLayout } from "./micro-step.js";
import { stepSeed } from "./step-seed.js";
import type { ResolvedOptions } from "./trainer-options.js";

/** Everything that one optimiser step computes before anything is updated. */
export interface StepResult {
  /** Summed over the micro-batches; the caller disposes them. */
  readonly gradients: Gradients;
  readonly lmLoss: number;
  readonly terms: readonly TermMetric[];
  readonly counts: readonly LayerCounts[];
  /** Sum of squares of each gradient, by path. */
  readonly squares: Readonly<Record<string, number>>;
  /** Target tokens. */
  readonly tokens: number;
}

/** Runs all micro-batches of optimiser step `step` (from 0), with one read-back at the end. */
export async function runStep(options: ResolvedOptions, parameters: ParameterMap, step: number): Promise<StepResult> {
  const micros = microSteps(options, step);
  const globalCounts = needsGlobalCounts(options) ? countAll(options, micros) : undefined;
  const gradients: Gradients = {};
  const results: Pick<MicroResult, "numbers" | "layout">[] = [];
  try {
    micros.forEach((micro, index) => {
      const inspect = (trace: RoutingTrace) => options.hooks.onMicroStep?.({ step: step + 1, micro: index, batch: micro.batch, trace });
      const { gradients: more, ...result } = microStep(options, parameters, { ...micro, globalCounts }, inspect);
      results.push(result);
      accumulate(gradients, more);
    });
    const numbers = await readNumbers(results, gradients);
    return { gradients, tokens: micros[0]!.stepTargets, ...interpret(numbers, results[0]!.layout, Object.keys(gradients)) };
  } catch (error) {
    tf.dispose(gradients);
    throw error;
  } finally {
    tf.dispose([results.map(({ numbers }) => numbers), globalCounts ?? []]);
  }
}

function microSteps({ data, accumulate, seed }: ResolvedOptions, step: number): MicroStep[] {
  const batches = Array.from({ length: accumulate }, () => data.next());
  const stepTargets = sumOf(batches, numTargets);
  const stepTokens = sumOf(batches, numTokens);
  if (stepTargets === 0) throw new DataError(`train: the ${accumulate} batches of step ${step + 1} have no target; every target id is negative (ignored).`);
  return batches.map((batch, micro) => ({ batch, context: { training: true, step, seed: stepSeed(seed, step, micro) }, stepTargets, share: numTokens(batch) / stepTokens }));
}

const sumOf = (batches: readonly Batch[], value: (batch: Batch) => number): number => batches.reduce((sum, batch) => sum + value(batch), 0);

/** With one micro-batch its own counts are the global ones. */
function needsGlobalCounts({ accumulate, balancing }: ResolvedOptions): boolean {
  return accumulate > 1 && balancing.some(({ scope }) => scope === "global-batch");
}

/** The counts of all micro-batches together. They route with the seeds of the second pass, so the counts are those it will have. */
function countAll({ model }: ResolvedOptions, micros: readonly MicroStep[]): tf.Tensor1D[] {
  return tf.tidy(() => micros.map((micro) => countingPass(model, micro)).reduce((sum, more) => sum.map((counts, layer) => tf.add(counts, more[layer]!))));
}

async function readNumbers(results: readonly Pick<MicroResult, "numbers">[], gradients: Gradients): Promise<Float32Array> {
  const all = tf.tidy(() => tf.concat([tf.addN(results.map(({ numbers }) => numbers)), squaredNorms(gradients)]));
  try {
    return (await all.data()) as Float32Array;
  } finally {
    all.dispose();
  }
}

function interpret(numbers: Float32Array, { terms, layers }: NumbersLayout, paths: readonly string[]): Omit<StepResult, "gradients" | "tokens"> {
  let at = 1 + terms.length;
  const counts = layers.map(({ numExperts, ...place }) => ({ ...place, counts: numbers.slice(at, (at += numExperts)) }));
  const squares = Object.fromEntries(paths.map((path, i) => [path, numbers[at + i]!]));
  return { lmLoss: numbers[0]!, terms: terms.map((term, i) => ({ ...term, value: numbers[1 + i]! })), counts, squares };
}
