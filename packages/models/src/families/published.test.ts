/** Keys as the authors' published files have them; sizes are smaller. */
import { describe, expect, it } from "vitest";
import { parseConfig } from "../config/parse-config.js";

const COMMON = {
  attention_dropout: 0.0, bos_token_id: 1, eos_token_id: 2, hidden_act: "silu", hidden_size: 64, initializer_range: 0.02, intermediate_size: 64, max_position_embeddings: 512, num_attention_heads: 4,
  num_hidden_layers: 4, num_key_value_heads: 2, rms_norm_eps: 1e-6, rope_theta: 10000.0, tie_word_embeddings: false, torch_dtype: "bfloat16", transformers_version: "4.40.0", use_cache: true, vocab_size: 1000,
};
const ERNIE = {
  ...COMMON, model_type: "ernie4_5_moe", moe_capacity: [64, 64, 64], moe_gate: "topk", moe_intermediate_size: 16, moe_k: 6, moe_layer_end_index: 3, moe_layer_interval: 1, moe_layer_start_index: 1,
  moe_num_experts: 8, moe_num_shared_experts: 2, moe_use_aux_free: true, num_nextn_predict_layers: 1, pad_token_id: 0, rope_scaling: null, use_bias: false,
};
const HUNYUAN = {
  ...COMMON, add_classification_head: false, attention_bias: false, attention_head_dim: 16, cla_share_factor: 2, class_num: 0, dense_list: [64, 0], enable_lm_head_fp32: true, eod_token_id: 3, group_limited_greedy: false,
  head_dim: 16, im_end_id: 5, mlp_bias: false, model_type: "hunyuan_v1_moe", moe_drop_tokens: false, moe_intermediate_size: [64, 64, 64, 64], moe_layer_num_skipped: 0, moe_random_routing_dropped_token: false,
  moe_topk: [2, 2, 2, 2], norm_type: "rms", num_experts: 8, num_shared_expert: [1, 1, 1, 1], org_vocab_size: 1000, pad_id: 0, routed_scaling_factor: 1.0, sep_token_id: 4, use_cla: false, use_mixed_mlp_moe: true, use_mla: false,
  use_qk_norm: true, use_rotary_pos_emb: true, rope_scaling: { alpha: 1000.0, beta_fast: 32, beta_slow: 1, factor: 1.0, mscale: 1.0, mscale_all_dim: 1.0, type: "dynamic" },
};
const JETMOE = {
  activation_function: "silu", aux_loss_coef: 0.01, auto_map: { AutoConfig: "configuration_jetmoe.JetMoEConfig" }, bias: true, bos_token_id: 1, eos_token_id: 2, glu: true, hidden_size: 64, initializer_range: 0.01,
  intermediate_size: 64, kv_channels: 16, length: 4096, max_position_embeddings: 4096, model_type: "jetmoe", num_attention_heads: 4, num_experts_per_tok: 2, num_hidden_layers: 2, num_key_value_heads: 2, num_layers: 2,
  num_local_experts: 8, rms_norm_eps: 1e-5, rope_theta: 10000.0, rotary_percent: 1.0, tie_word_embeddings: true, torch_dtype: "bfloat16", transformers_version: "4.39.0", use_cache: true, vocab_size: 1000,
};

const MINIMAX = {
  ...COMMON, bos_token_id: null, eos_token_id: null, block_size: 256, full_attn_alpha_factor: 3.5565588200778455, full_attn_beta_factor: 1.0, head_dim: 16, linear_attn_alpha_factor: 3.5565588200778455, linear_attn_beta_factor: 1.0,
  layer_types: ["linear_attention", "linear_attention", "linear_attention", "full_attention"], mlp_alpha_factor: 3.5565588200778455, mlp_beta_factor: 1.0, model_type: "minimax", num_experts_per_tok: 2, num_local_experts: 32,
  output_router_logits: false, postnorm: true, rotary_dim: 8, router_aux_loss_coef: 0.001, router_jitter_noise: 0.0, shared_intermediate_size: 0, shared_moe_mode: "sigmoid", sliding_window: null,
};
const GRANITE = {
  ...COMMON, attention_bias: false, attention_dropout: 0.1, attention_multiplier: 0.015625, bos_token_id: 0, embedding_multiplier: 12.0, eos_token_id: 0, logits_scaling: 6.0, model_type: "granitemoe", num_experts_per_tok: 8,
  num_local_experts: 32, output_router_logits: false, pad_token_id: 0, residual_multiplier: 0.22, rope_scaling: null, router_aux_loss_coef: 0.0, tie_word_embeddings: true,
};

describe("published files", () => {
  it("ERNIE 4.5: the keys of its training code change nothing", () => {
    const kinds = parseConfig(ERNIE).layers.map(({ feedForward }) => feedForward.kind);
    expect(kinds).toEqual(["dense", "moe", "moe", "moe"]);
    expect(() => parseConfig({ ...ERNIE, moe_gate: "hash" })).toThrow("moe_gate");
  });

  it("HunYuan A13B: lists with a value for each layer, alpha of its positions, and nothing that transformers lacks", () => {
    const [layer] = parseConfig(HUNYUAN).layers;
    expect(layer!.attention.rotary!.rope).toMatchObject({ kind: "dynamic", alpha: 1000, factor: 1 });
    expect(layer!.feedForward).toMatchObject({ topK: 2, shared: { width: 64 } });
    expect(parseConfig({ ...HUNYUAN, attention_dropout: 0.1, num_media_embeds: 257, vit_path: null, vit_token: 64, anyres_pooling_size: 2, im_newline_id: 11 }).layers).toEqual(parseConfig(HUNYUAN).layers);
    expect(() => parseConfig({ ...HUNYUAN, use_cla: true })).toThrow("use_cla");
    expect(() => parseConfig({ ...HUNYUAN, num_shared_expert: [1, 1, 2, 1] })).toThrow("num_shared_expert");
    expect(() => parseConfig({ ...HUNYUAN, attention_head_dim: 8 })).toThrow("attention_head_dim");
  });

  it("MiniMax-Text-01: keys that its class in transformers does not read must say what it computes, but for rotary_dim", () => {
    const { layers } = parseConfig(MINIMAX);
    expect(layers.map(({ attention }) => attention.kind)).toEqual(["linear", "linear", "linear", "grouped"]);
    expect(layers[3]!.attention.rotary!.dim).toBe(16);
    expect(() => parseConfig({ ...MINIMAX, postnorm: false })).toThrow("postnorm");
    expect(() => parseConfig({ ...MINIMAX, shared_intermediate_size: 8 })).toThrow("shared_intermediate_size");
  });

  it("Granite 3.0 1B-A400M: its rate of dropout is for training", () => {
    expect(parseConfig(GRANITE)).toMatchObject({ embeddingScale: 12, logitScale: 1 / 6, padTokenId: 0 });
    expect(() => parseConfig({ ...GRANITE, position_embedding_type: "nope" })).toThrow("position_embedding_type");
  });

  it("JetMoE", () => {
    expect(parseConfig(JETMOE).layers).toHaveLength(2);
    expect(() => parseConfig({ ...JETMOE, rotary_percent: 0.5 })).toThrow("rotary_percent");
  });
});
