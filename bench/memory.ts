/**
 * Ten thousand training steps of a small mixture-of-experts model: memory of the process must stay within 5 % of what it was after
 * the first thousand, and no tensor may be left over. Memory is read shortly after a garbage collection, without the free part of V8's heap,
 * which goes up and down by tens of megabytes. `--runs` counts thousands of steps (default 7; take 10).
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as tf from "@tensorflow/tfjs";
import { disposeParameters } from "@moekit/core";
import type { Batch, BatchSource } from "@moekit/data";
import { createModel, parseConfig } from "@moekit/models";
import { adamw, constant, Trainer } from "@moekit/train";
import { type Measured, onBackends, type Options, type Outcome, type Result } from "./lib/benchmark.ts";

const [VOCABULARY, BATCH, LENGTH, THOUSAND] = [64, 2, 16, 1000];
const LARGEST_GROWTH = 0.05;
/** Steps between a collection and the reading: V8 gives pages back a little later. */
const SETTLE = 20;

export async function run({ backends = ["native"], ...options }: Options, report: (result: Result) => void): Promise<Outcome> {
  return onBackends({ ...options, backends }, async () => [await measure(options.runs)], report);
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

async function measure(thousands: number): Promise<Measured> {
  const model = createModel(
    parseConfig({
      model_type: "olmoe", vocab_size: VOCABULARY, hidden_size: 32, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2, num_experts: 4, num_experts_per_tok: 2, max_position_embeddings: LENGTH,
    }),
    { seed: 1 },
  );
  const seen: { used: number; rss: number; tensors: number }[] = [];
  const onStep = ({ step }: { step: number }) => {
    if (step % THOUSAND === THOUSAND - SETTLE) collect();
    if (step % THOUSAND !== 0) return;
    const { rss, heapTotal, heapUsed } = process.memoryUsage();
    seen.push({ used: rss - (heapTotal - heapUsed), rss, tensors: tf.memory().numTensors });
  };
  const started = performance.now();
  const trainer = new Trainer({ model, data: sameBatch(), optimizer: adamw(), schedule: constant({ peak: 1e-3 }), steps: thousands * THOUSAND, hooks: { onStep } });
  await trainer.run();
  const ms = (performance.now() - started) / (thousands * THOUSAND);
  trainer.dispose();
  disposeParameters(model);
  const [first, last] = [seen[0]!, seen.at(-1)!];
  const growth = last.used / first.used - 1;
  if (last.tensors !== first.tensors) throw new Error(`bench memory: ${last.tensors - first.tensors} tensors are left over`);
  if (growth > LARGEST_GROWTH) throw new Error(`bench memory: memory grew by ${(100 * growth).toFixed(1)} % from ${first.used} bytes`);
  const megabytes = (of: (each: (typeof seen)[number]) => number) => Math.round(Math.max(...seen.map(of)) / 2 ** 20);
  return { name: `${thousands * THOUSAND} training steps`, ms, spread: [ms, ms], facts: { growthPercent: Number((100 * growth).toFixed(2)), largestMiB: megabytes(({ used }) => used), largestRssMiB: megabytes(({ rss }) => rss), tensors: last.tensors } };
}

function sameBatch(): BatchSource {
  const ids = (shift: number) => Int32Array.from({ length: BATCH * LENGTH }, (_, i) => (7 * (i + shift)) % VOCABULARY);
  const batch: Batch = { inputIds: ids(0), targetIds: ids(1), domainIds: new Int32Array(BATCH), batchSize: BATCH, sequenceLength: LENGTH };
  return { next: () => batch, state: () => ({}), restore: () => {} };
}
