/** One tiny run of a real model, with everything a step has, must give the same losses on every backend. */
import * as tf from "@tensorflow/tfjs";
import { globalBatchLoss, LossFreeBias, zLoss } from "@moekit/balancing";
import { disposeParameters } from "@moekit/core";
import { registerJsKernels } from "@moekit/kernels-js";
import { createModel, parseConfig, type MoeTransformer } from "@moekit/models";
import type { SigmoidRouter } from "@moekit/routing";
import { describeOn, useBackend } from "@moekit/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { adamw, cosine, muon, Trainer, type Optimizer, type StepMetrics } from "./index.js";
import { TinyData } from "./testing/tiny-data.js";

const STEPS = 6;
const sizes = { vocab_size: 11, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 4, max_position_embeddings: 16 };
const experts = { num_experts: 4, num_experts_per_tok: 2, moe_intermediate_size: 8, intermediate_size: 16 };
const config = parseConfig({ model_type: "qwen3_moe", ...sizes, ...experts });

/** Every shader call of a software driver takes about a millisecond, which makes a step 6 seconds; Muon would be minutes. */
const onSlowDevice = { steps: 2, optimizers: ["adamw"] as const };

/** Accumulation, two auxiliary losses with a coefficient for each layer, and a selection bias that is steered. */
async function train(optimizer: Optimizer, steps = STEPS): Promise<StepMetrics[]> {
  const before = tf.memory().numTensors;
  const model = createModel(config, { seed: 3, router: { name: "sigmoid" } });
  const controller = new LossFreeBias({ layers: biases(model), speed: 0.01 });
  const balancing = [globalBatchLoss({ coefficient: [0.02, 0.01] }), zLoss({ coefficient: 1e-3 })];
  const all: StepMetrics[] = [];
  const hooks = { onStep: (metrics: StepMetrics) => void all.push(metrics) };
  const trainer = new Trainer({ model, data: new TinyData(4, 8), optimizer, schedule: cosine({ peak: 5e-3, steps: STEPS, warmup: 2 }), steps, accumulate: 2, balancing, controllers: [controller], hooks });
  await trainer.run();
  trainer.dispose();
  controller.dispose();
  disposeParameters(model);
  expect(tf.memory().numTensors).toBe(before);
  return all;
}

function biases({ layers }: MoeTransformer): { layer: number; expertBias: tf.Variable<tf.Rank.R1> }[] {
  return layers.map(({ moe }, layer) => ({ layer, expertBias: (moe!.router as SigmoidRouter).expertBias! }));
}

const optimizers = { adamw: () => adamw(), muon: () => muon({ scaling: "moonlight" }) };
const wanted: Partial<Record<keyof typeof optimizers, StepMetrics[]>> = {};
beforeAll(async () => {
  await useBackend("cpu");
  for (const name of ["adamw", "muon"] as const) wanted[name] = await train(optimizers[name]());
});

function sameRun({ steps, optimizers: names }: { steps: number; optimizers: readonly (keyof typeof optimizers)[] } = { steps: STEPS, optimizers: ["adamw", "muon"] }): void {
  it.each(names)("a run with %s has the losses, loads and gradient norms of the references on cpu", async (name) => {
    const got = await train(optimizers[name](), steps);
    expect(got).toHaveLength(steps);
    got.forEach((metrics, i) => {
      const want = wanted[name]![i]!;
      expect(metrics.layers, `step ${i + 1}`).toEqual(want.layers);
      // Float32 sums in another order differ by some 1e-7 each; six steps of Adam's signs enlarge that.
      expect(Math.abs(metrics.loss / want.loss - 1), `step ${i + 1}`).toBeLessThan(1e-5);
      expect(Math.abs(metrics.gradNorm / want.gradNorm - 1), `step ${i + 1}`).toBeLessThan(1e-3);
    });
  }, 300_000);
}

for (const backend of ["wasm", "remote-cpu", "native", "tensorflow"] as const) await describeOn(backend, () => sameRun());
await describeOn("webgpu", () => sameRun(onSlowDevice));

describe.each(["cpu", "wasm"] as const)("on %s with the kernels of kernels-js", (backend) => {
  beforeAll(async () => {
    registerJsKernels(backend);
    await useBackend(backend);
  });
  sameRun();
});
