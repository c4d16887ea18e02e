import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeParameters } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { loadModel } from "../checkpoint/load-model.js";
import { saveModel } from "../checkpoint/save-model.js";
import type { GroupedAttentionConfig } from "../config/attention-config.js";
import { parseConfig } from "../config/parse-config.js";
import { SafetensorsFile } from "../safetensors/safetensors-file.js";
import { scoreModel } from "../scoring/score.js";
import { fixtureFolder, fixtureTensors, maxDifference, rowsOf, useBackend } from "../testing/fixtures.js";

/** Keys of the text part of Llama 4 Scout, as transformers 4 wrote them. */
const text = {
  _attn_implementation_autoset: true, attention_bias: false, attention_chunk_size: 8192, attention_dropout: 0, bos_token_id: 200000, eos_token_id: [200001, 200007, 200008], for_llm_compressor: false, head_dim: 128,
  hidden_act: "silu", hidden_size: 5120, initializer_range: 0.02, interleave_moe_layer_step: 1, intermediate_size: 8192, intermediate_size_mlp: 16384, max_position_embeddings: 10485760, model_type: "llama4_text",
  no_rope_layers: [], num_attention_heads: 40, num_experts_per_tok: 1, num_hidden_layers: 48, num_key_value_heads: 8, num_local_experts: 16, output_router_logits: false, pad_token_id: 200018, rms_norm_eps: 1e-5,
  rope_scaling: { factor: 16, high_freq_factor: 1, low_freq_factor: 1, original_max_position_embeddings: 8192, rope_type: "llama3" }, rope_theta: 500000, router_aux_loss_coef: 0.001, router_jitter_noise: 0,
  torch_dtype: "bfloat16", use_cache: true, use_qk_norm: true, vocab_size: 202048,
};
const published = { model_type: "llama4", architectures: ["Llama4ForConditionalGeneration"], boi_token_index: 200080, eoi_token_index: 200081, image_token_index: 200092, text_config: text, tie_word_embeddings: false, torch_dtype: "bfloat16", vision_config: { hidden_size: 1408 } };
const attentionOf = (change: object, layer: number) => parseConfig({ ...text, ...change }).layers[layer]!.attention as GroupedAttentionConfig;
const kindsOf = (change: object) => parseConfig({ ...text, ...change, num_hidden_layers: 6 }).layers.map(({ feedForward }) => feedForward.kind);

describe("llama4", () => {
  it("reads the published config: every fourth layer without positions, over everything, warmer with distance", () => {
    const { layers, family } = parseConfig(published);
    expect([family, layers.length]).toEqual(["llama4", 48]);
    expect(layers[2]!.attention).toMatchObject({ chunk: 8192, rotary: { dim: 128, layout: "interleaved", rope: { kind: "llama3", factor: 16 } }, qkNorm: { weighted: false, after: "rotary" } });
    expect(layers[3]!.attention).toMatchObject({ temperature: { scale: 0.1, every: 8192 }, headDim: 128 });
    const bare = layers[3]!.attention as GroupedAttentionConfig;
    expect([bare.chunk, bare.rotary, bare.qkNorm, (layers[2]!.attention as GroupedAttentionConfig).temperature]).toEqual([undefined, undefined, undefined, undefined]);
    expect(layers[0]!.feedForward).toMatchObject({ kind: "moe", numExperts: 16, topK: 1, width: 8192, gatesOn: "input", router: { name: "sigmoidTopK" }, shared: { width: 8192, gated: false } });
  });

  it("turning heads and attending in chunks go together unless layer_types says otherwise", () => {
    expect([attentionOf({ no_rope_layer_interval: 2 }, 1).rotary, attentionOf({ no_rope_layer_interval: 2 }, 1).chunk]).toEqual([undefined, undefined]);
    const flags = Array.from({ length: 48 }, (_, layer) => Number(layer === 3));
    expect(attentionOf({ no_rope_layers: flags }, 3).chunk).toBe(8192);
    const types = flags.map((flag) => (flag ? "full_attention" : "chunked_attention"));
    expect([attentionOf({ no_rope_layers: flags, layer_types: types }, 3).chunk, attentionOf({ no_rope_layers: flags, layer_types: types }, 0).chunk]).toEqual([undefined, 8192]);
  });

  it("takes the number that older files have for whether it gets warmer", () => {
    expect([4, true, undefined, 0, false].map((tuning) => attentionOf({ attn_temperature_tuning: tuning }, 3).temperature !== undefined)).toEqual([true, true, true, false, false]);
  });

  it("has experts in the layers listed, or in each interleave_moe_layer_step-th", () => {
    expect(kindsOf({ interleave_moe_layer_step: 3 })).toEqual(["dense", "dense", "moe", "dense", "dense", "moe"]);
    expect(kindsOf({ interleave_moe_layer_step: 3, moe_layers: [0, 4] })).toEqual(["moe", "dense", "dense", "dense", "moe", "dense"]);
    expect(kindsOf({ moe_layers: [] })).toEqual(Array.from({ length: 6 }, () => "dense"));
  });

  it.each([
    [{ text_config: { ...text, no_rope_layers: [1, 0] } }, '"no_rope_layers" must have a 0 or 1 for each of 48 layers'],
    [{ text_config: { ...text, layer_types: ["full_attention"] } }, '"layer_types" must be a list of 48'],
    [{ text_config: { ...text, strange: 1 } }, 'config.json: text_config: unknown key "strange"'],
    [{ tie_word_embeddings: true }, "tie_word_embeddings contradicts that of text_config"],
    [{ strange: 1 }, 'unknown key "strange"'],
  ])("refuses what it does not know: case %#", (change, message) => {
    expect(() => parseConfig({ ...published, ...change })).toThrow(message);
  });

  it("loads the text part of a model with images, and saves it under the same names", async () => {
    await useBackend("cpu");
    const [model, expected] = [await loadModel(fixtureFolder("llama4_images")), await fixtureTensors("llama4_images", "expected.safetensors")];
    const scores = await scoreModel(model, rowsOf(expected.input_ids!));
    expect(maxDifference(scores.logits!.data, expected.logits!.data)).toBeLessThan(2e-4);
    const folder = await mkdtemp(join(tmpdir(), "moekit-llama4-"));
    await saveModel(model, folder);
    disposeParameters(model);
    const [saved, original] = [await SafetensorsFile.open(join(folder, "model.safetensors")), await SafetensorsFile.open(join(fixtureFolder("llama4_images"), "model.safetensors"))];
    const names = [...original.tensors.keys()].filter((name) => name.startsWith("language_model."));
    expect([...saved.tensors.keys()].sort()).toEqual(names.sort());
    for (const name of names) expect(await saved.read(name), name).toEqual(await original.read(name));
    await saved.close();
    await original.close();
    await rm(folder, { recursive: true });
  });
});
