import { describe, expect, it } from "vitest";
import type { GroupedAttentionConfig } from "../config/attention-config.js";
import { parseConfig } from "../config/parse-config.js";
import { modelSize } from "../counting.js";

/** Keys of gpt-oss-20b without its packing. */
const published = {
  model_type: "gpt_oss", architectures: ["GptOssForCausalLM"], attention_bias: true, attention_dropout: 0, eos_token_id: 200002, experts_per_token: 4, head_dim: 64, hidden_act: "silu", hidden_size: 2880,
  initial_context_length: 4096, initializer_range: 0.02, intermediate_size: 2880, layer_types: Array.from({ length: 24 }, (_, i) => (i % 2 ? "full_attention" : "sliding_attention")), max_position_embeddings: 131072,
  num_attention_heads: 64, num_experts_per_tok: 4, num_hidden_layers: 24, num_key_value_heads: 8, num_local_experts: 32, output_router_logits: false, pad_token_id: 199999, rms_norm_eps: 1e-5,
  rope_scaling: { beta_fast: 32, beta_slow: 1, factor: 32, original_max_position_embeddings: 4096, rope_type: "yarn", truncate: false }, rope_theta: 150000, router_aux_loss_coef: 0.9, sliding_window: 128,
  swiglu_limit: 7, tie_word_embeddings: false, use_cache: true, vocab_size: 201088,
};
const attentionOf = (change: object, layer = 0) => parseConfig({ ...published, ...change }).layers[layer]!.attention as GroupedAttentionConfig;

describe("gpt_oss", () => {
  it("reads the published config: 20.9 billion parameters, 3.6 billion active", () => {
    const config = parseConfig(published);
    expect(config.layers.map(({ attention }) => (attention as GroupedAttentionConfig).window)).toEqual(Array.from({ length: 24 }, (_, i) => (i % 2 ? undefined : 128)));
    expect(config.layers[0]!.feedForward).toMatchObject({ numExperts: 32, topK: 4, experts: "clampedSwiglu", bias: true, router: { name: "topK", renormalise: true, bias: true } });
    expect(attentionOf({})).toMatchObject({ sinks: true, bias: { queryKeyValue: true, output: true }, headDim: 64 });
    const { parameters, activeParameters } = modelSize(config);
    expect([parameters, Math.round((activeParameters - 201088 * 2880) / 1e8)]).toEqual([20_914_757_184, 36]);
  });

  it("takes the rope, window, head size and layers of its class where the file has none", () => {
    const bare = { rope_scaling: undefined, layer_types: undefined, sliding_window: undefined, head_dim: undefined };
    expect(attentionOf(bare)).toEqual(attentionOf({}));
    expect(attentionOf(bare, 1)).toEqual(attentionOf({}, 1));
    expect(attentionOf({ ...bare, rope_theta: 1000, initial_context_length: undefined }).rotary!.rope).toMatchObject({ kind: "yarn", theta: 1000, factor: 32, attentionFactor: 1.3465735902799727 });
    expect(attentionOf({ rope_scaling: { rope_type: "default" } }).rotary!.rope).toEqual({ kind: "default", theta: 150000 });
  });

  it.each([
    [{ swiglu_limit: 5 }, "swiglu_limit = 5 is not supported"],
    [{ experts_per_token: 2 }, "num_experts_per_tok is 4, but experts_per_token is 2"],
    [{ initial_context_length: 2048 }, "initial_context_length = 2048 is not supported; it must be the original length"],
    [{ layer_types: ["full_attention"] }, '"layer_types" must be a list of 24'],
  ])("refuses %j", (change, message) => {
    expect(() => parseConfig({ ...published, ...change })).toThrow(message);
  });
});
