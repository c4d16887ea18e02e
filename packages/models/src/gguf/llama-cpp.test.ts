import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { disposeParameters } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../checkpoint/load-model.js";
import { saveModel } from "../checkpoint/save-model.js";
import { parseConfig } from "../config/parse-config.js";
import { createModel } from "../create-model.js";
import { openWeights } from "../safetensors/sharded.js";
import { fixtureFolder, fixtureJson, fixtureTensors, maxDifference, rowsOf, useBackend } from "../testing/fixtures.js";
import { llamaCppLogits, noLlamaCpp } from "../testing/llama-cpp.js";
import { exportGguf, type GgufExportType } from "./export-gguf.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-llama-cpp-"));
  await useBackend("cpu");
});
afterAll(() => rm(folder, { recursive: true }));

/** Largest difference of logits `[S, V]`. */
const difference = (got: readonly Float32Array[], want: ArrayLike<number>) => Math.max(...got.map((row, i) => maxDifference(row, Array.prototype.slice.call(want, i * row.length, (i + 1) * row.length))));

describe.skipIf(noLlamaCpp)(`llama.cpp${noLlamaCpp ? ` (skipped: ${noLlamaCpp})` : ""}`, () => {
  // The checkpoints of transformers whose shapes llama.cpp has too.
  it.each(["llama", "qwen3", "mixtral", "deepseek_v3", "granitemoe", "granitemoeshared", "glm4_moe", "ernie4_5_moe", "hunyuan_v1_moe"])("computes from our file of %s what transformers does from its own", async (name) => {
    const path = join(folder, `${name}.gguf`);
    const weights = await openWeights(fixtureFolder(name));
    await exportGguf({ config: fixtureJson(name, "config.json"), weights }, path);
    await weights.close();
    const { input_ids, logits } = await fixtureTensors(name, "expected.safetensors");
    expect(difference(await llamaCppLogits(path, rowsOf(input_ids!)[0]!, 160), logits!.data)).toBeLessThan(2e-6);
  });

  const base = { vocab_size: 64, hidden_size: 256, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 4, num_experts_per_tok: 2, max_position_embeddings: 64, rope_parameters: { rope_theta: 10000, rope_type: "default" } };
  const shapes = {
    olmoe: { ...base, model_type: "olmoe", intermediate_size: 256, num_experts: 4 },
    qwen2_moe: { ...base, model_type: "qwen2_moe", num_key_value_heads: 2, intermediate_size: 256, moe_intermediate_size: 256, shared_expert_intermediate_size: 256, num_experts: 4 },
    qwen3_moe: { ...base, model_type: "qwen3_moe", num_key_value_heads: 2, head_dim: 32, intermediate_size: 256, moe_intermediate_size: 256, num_experts: 4, norm_topk_prob: true },
    // llama.cpp takes queries without a latent only in the 27 layers of V2-Lite, and knows no groups.
    deepseek_v2: { ...base, model_type: "deepseek_v2", intermediate_size: 256, moe_intermediate_size: 128, n_routed_experts: 4, n_shared_experts: 1, first_k_dense_replace: 1, q_lora_rank: 64, kv_lora_rank: 64, qk_nope_head_dim: 32, qk_rope_head_dim: 32, v_head_dim: 32, routed_scaling_factor: 2, topk_method: "greedy" },
    // llama.cpp needs a fourth layer, the first one without positions.
    llama4_text: { ...base, model_type: "llama4_text", num_hidden_layers: 4, num_key_value_heads: 2, head_dim: 32, intermediate_size: 256, intermediate_size_mlp: 256, num_local_experts: 4, num_experts_per_tok: 1, interleave_moe_layer_step: 2 },
  };
  const ids = Array.from({ length: 12 }, (_, i) => (i * 23 + 5) % 64);

  /** A new model of that shape as a file, our logits for what is in the file, and those of llama.cpp. */
  async function both(name: keyof typeof shapes, quantize: GgufExportType) {
    const made = createModel(parseConfig(shapes[name]), { seed: 3 });
    const saved = join(folder, `${name}-${quantize}`);
    await saveModel(made, saved);
    disposeParameters(made);
    const weights = await openWeights(saved);
    await exportGguf({ config: shapes[name], weights }, `${saved}.gguf`, { quantize });
    await weights.close();
    const model = await loadModel(`${saved}.gguf`);
    const ours = tf.tidy(() => model.forward(tf.tensor2d([ids], undefined, "int32")).logits.dataSync());
    disposeParameters(model);
    return { ours, theirs: await llamaCppLogits(`${saved}.gguf`, ids, 64) };
  }

  it.each(Object.keys(shapes) as (keyof typeof shapes)[])("computes what we do from a new %s", async (name) => {
    const { ours, theirs } = await both(name, "f32");
    expect(difference(theirs, ours)).toBeLessThan(2e-6);
  });

  it("computes what we do from the gpt-oss of transformers, without YaRN, whose ramp llama.cpp rounds", async () => {
    const path = join(folder, "gpt_oss.gguf");
    const weights = await openWeights(fixtureFolder("gpt_oss"));
    await exportGguf({ config: { ...fixtureJson<object>("gpt_oss", "config.json"), rope_parameters: { rope_type: "default", rope_theta: 10000 } }, weights }, path);
    await weights.close();
    const model = await loadModel(path);
    const ours = tf.tidy(() => model.forward(tf.tensor2d([ids], undefined, "int32")).logits.dataSync());
    disposeParameters(model);
    expect(difference(await llamaCppLogits(path, ids, 160), ours)).toBeLessThan(2e-6);
  });

  // llama.cpp rounds activations too, to 8 bits in blocks of 32 or 256 (and to halves for f16).
  it.each([["f16", 2e-3], ["bf16", 1e-2], ["q8_0", 3e-2], ["q4_0", 3e-2], ["q4_1", 3e-2], ["q5_0", 3e-2], ["q5_1", 3e-2], ["q4_K", 3e-2], ["q5_K", 3e-2], ["q6_K", 3e-2], ["mxfp4", 3e-2], ["q2_K", 3e-2], ["q3_K", 3e-2], ["iq4_nl", 3e-2], ["iq4_xs", 3e-2]] as const)("computes what we do from %s blocks", async (type, tolerance) => {
    const { ours, theirs } = await both("qwen3_moe", type);
    expect(difference(theirs, ours)).toBeLessThan(tolerance * Math.max(...ours));
  });
});
