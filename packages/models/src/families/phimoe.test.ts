import { describe, expect, it } from "vitest";
import type { LongRope } from "../config/rope-config.js";
import { parseConfig } from "../config/parse-config.js";

const factors = (from: number) => Array.from({ length: 64 }, (_, i) => from + i / 10);
/** Keys of Phi-3.5-MoE, as transformers 4 wrote them. */
const published = {
  model_type: "phimoe", architectures: ["PhiMoEForCausalLM"], auto_map: { AutoConfig: "configuration_phimoe.PhiMoEConfig" }, attention_bias: true, attention_dropout: 0, bos_token_id: 1, eos_token_id: 32000,
  hidden_act: "silu", hidden_dropout: 0, hidden_size: 4096, initializer_range: 0.02, input_jitter_noise: 0.01, intermediate_size: 6400, lm_head_bias: true, max_position_embeddings: 131072, num_attention_heads: 32,
  num_experts_per_tok: 2, num_hidden_layers: 32, num_key_value_heads: 8, num_local_experts: 16, original_max_position_embeddings: 4096, output_router_logits: false, rms_norm_eps: 1e-5,
  rope_scaling: { long_factor: factors(1), short_factor: factors(2), long_mscale: 1.5, short_mscale: 1.25, original_max_position_embeddings: 4096, type: "longrope" }, rope_theta: 10000,
  router_aux_loss_coef: 0, router_jitter_noise: 0.01, sliding_window: 131072, tie_word_embeddings: false, torch_dtype: "bfloat16", vocab_size: 32064,
};
const ropeOf = (change: object) => parseConfig({ ...published, ...change }).layers[0]!.attention.rotary!.rope as LongRope;

describe("phimoe", () => {
  it("reads the published config", () => {
    const { layers, norm, headBias } = parseConfig(published);
    expect([layers.length, norm, headBias]).toEqual([32, { kind: "layer", eps: 1e-5 }, true]);
    expect(layers[0]!.attention).toMatchObject({ bias: { queryKeyValue: true, output: true }, window: 131072, headDim: 128 });
    expect(layers[31]!.feedForward).toMatchObject({ numExperts: 16, topK: 2, width: 6400, inputJitter: 0.01, router: { name: "sparseMixer", eps: 0.01 } });
  });

  it("keeps the short factors in long texts and changes the scale only, as transformers computes it", () => {
    expect(ropeOf({})).toMatchObject({ shortFactor: factors(2), longFactor: factors(2), shortScale: 1.25, longScale: 1.5, originalPositions: 4096 });
  });

  it("takes the original length from the top or from the rope parameters, not two of them", () => {
    const { original_max_position_embeddings: _, ...rope } = published.rope_scaling;
    expect(ropeOf({ rope_scaling: rope, original_max_position_embeddings: 2048 }).originalPositions).toBe(2048);
    expect(ropeOf({ original_max_position_embeddings: undefined }).originalPositions).toBe(4096);
    expect(() => ropeOf({ original_max_position_embeddings: 2048 })).toThrow("original_max_position_embeddings is 2048 at the top and 4096 in the rope parameters");
  });

  it.each([
    [{ num_experts_per_tok: 1 }, "num_experts_per_tok must be 2"],
    [{ rope_scaling: { type: "linear", factor: 2 }, original_max_position_embeddings: undefined }, "rope type linear is not supported"],
    [{ rope_scaling: { ...published.rope_scaling, long_mscale: undefined } }, '"long_mscale" is missing'],
    [{ hidden_dropout: 1.5 }, '"hidden_dropout" must be a number from 0 to below 1'],
  ])("refuses %j", (change, message) => {
    expect(() => ropeOf(change)).toThrow(message);
  });
});
