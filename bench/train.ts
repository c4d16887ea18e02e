/**
 * Training of a mixture-of-experts language model: forward, backward and AdamW, in tokens per second.
 * `--size small` (default) fits every backend; `--size peer` is the model of `peers/train_torch.py`.
 */
import * as tf from "@tensorflow/tfjs";
import { parameters } from "@moekit/core";
import { lossByName } from "@moekit/balancing";
import type { Batch, BatchSource } from "@moekit/data";
import { createModel, modelSize, parseConfig } from "@moekit/models";
import { adamw, constant, type StepMetrics, Trainer } from "@moekit/train";
import { type Measured, onBackends, type Options, type Outcome, type Result, summary } from "./lib/benchmark.ts";

interface Size {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly experts: number;
  readonly expertWidth: number;
  readonly topK: number;
  readonly batch: readonly [number, number];
}

const SIZES: Record<string, Size> = {
  small: { vocabulary: 512, width: 64, layers: 2, experts: 8, expertWidth: 64, topK: 2, batch: [4, 64] },
  peer: { vocabulary: 2048, width: 256, layers: 4, experts: 16, expertWidth: 256, topK: 2, batch: [8, 256] },
};

/** Steps before the clock counts: kernels compile, memory is claimed. */
const WARM_UP = 2;

export async function run({ size = "small", ...options }: Options, report: (result: Result) => void): Promise<Outcome> {
  const chosen = SIZES[size];
  if (!chosen) throw new Error(`bench train: --size must be one of ${Object.keys(SIZES).join(", ")}; got ${size}.`);
  const firstLosses: number[] = [];
  const measure = async () => {
    const steps = await train(chosen, WARM_UP + options.runs);
    firstLosses.push(steps[0]!.lmLoss);
    check(chosen, steps, firstLosses);
    return [resultOf(chosen, size, steps.slice(WARM_UP))];
  };
  return onBackends(options, measure, report);
}

async function train(size: Size, steps: number): Promise<StepMetrics[]> {
  const model = createModel(configOf(size), { seed: 1 });
  const seen: StepMetrics[] = [];
  const balancing = [lossByName("switchLoss").create({ coefficient: 0.01, fNorm: "tokens" })];
  const trainer = new Trainer({ model, data: sameBatch(size), optimizer: adamw(), schedule: constant({ peak: 1e-3 }), steps, balancing, clipNorm: Infinity, hooks: { onStep: (metrics) => void seen.push(metrics) } });
  await trainer.run();
  trainer.dispose();
  tf.dispose(parameters(model));
  return seen;
}

function configOf({ vocabulary, width, layers, experts, expertWidth, topK }: Size) {
  return parseConfig({
    model_type: "olmoe", vocab_size: vocabulary, hidden_size: width, intermediate_size: expertWidth, num_hidden_layers: layers, num_attention_heads: 4,
    num_experts: experts, num_experts_per_tok: topK, max_position_embeddings: 512,
  });
}

/** One batch of pseudo-random ids, again and again, as the peer does. */
function sameBatch({ vocabulary, batch: [batchSize, sequenceLength] }: Size): BatchSource {
  let state = 1;
  const ids = Int32Array.from({ length: batchSize * (sequenceLength + 1) }, () => (state = (state * 48271) % 2147483647) % vocabulary);
  const rows = (shift: number) => Int32Array.from({ length: batchSize * sequenceLength }, (_, i) => ids[Math.floor(i / sequenceLength) * (sequenceLength + 1) + (i % sequenceLength) + shift]!);
  const batch: Batch = { inputIds: rows(0), targetIds: rows(1), domainIds: new Int32Array(batchSize), batchSize, sequenceLength };
  return { next: () => batch, state: () => ({}), restore: () => {} };
}

/** A fresh model knows nothing, one that has seen the same batch a few times knows more, and all backends agree. */
function check({ vocabulary }: Size, steps: readonly StepMetrics[], firstLosses: readonly number[]): void {
  const [first, last] = [steps[0]!.lmLoss, steps.at(-1)!.lmLoss];
  require(Math.abs(first - Math.log(vocabulary)) < 0.1, `the first loss must be near ln ${vocabulary} = ${Math.log(vocabulary)}; got ${first}`);
  require(last < first, `the loss must fall on a batch seen again; got ${first}, then ${last}`);
  for (const loss of firstLosses) require(Math.abs(loss - first) < 1e-4 * first, `backends must agree; the first losses are ${firstLosses.join(", ")}`);
}

function require(holds: boolean, message: string): void {
  if (!holds) throw new Error(`bench train: ${message}`);
}

function resultOf(size: Size, name: string, steps: readonly StepMetrics[]): Measured {
  const { parameters, activeParameters, trainingFlopsPerToken } = modelSize(configOf(size), size.batch[1]);
  const timing = summary(steps.map(({ tokens, tokensPerSecond }) => (1000 * tokens) / tokensPerSecond));
  return {
    name: `train ${name}: D ${size.width}, ${size.layers} layers, ${size.experts} experts of ${size.expertWidth}, top ${size.topK}, batch ${size.batch.join(" x ")}`,
    ...timing,
    facts: {
      tokensPerSecond: Math.round((1000 * steps[0]!.tokens) / timing.ms),
      gflops: Number(((trainingFlopsPerToken * steps[0]!.tokens) / timing.ms / 1e6).toPrecision(4)),
      parameters,
      activeParameters,
    },
  };
}
