import { ConfigError } from "@moekit/core";
import type { HuggingFaceConfig } from "../../config/model-config.js";
import { count, f32, only, u32, unsaid, type ConfigRule, type Entries } from "../mapping/config-rule.js";
import { SCORE_SCALE } from "../mapping/rope-rule.js";
import { inHeads } from "../mapping/row-orders.js";
import type { TensorRule } from "../mapping/tensor-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { decoder, denseTensors, expertTensors, feedForwardNorm, outerTensors, renormalised, scoredExperts, sharedExpertTensors, STANDARD_EXPERTS, stated } from "./shared.js";

const number = (config: HuggingFaceConfig, key: string): number => Number(config[key]);
const perHead = (config: HuggingFaceConfig): number => number(config, "qk_nope_head_dim") + number(config, "v_head_dim");

/** The up-projection of keys and values is one tensor in Hugging Face files, per head keys then values. */
const upProjections: TensorRule[] = [
  {
    gguf: "blk.{l}.attn_k_b.weight",
    hf: "model.layers.{l}.self_attn.kv_b_proj.weight",
    rows: inHeads({ before: () => 0, own: (config) => number(config, "qk_nope_head_dim"), total: perHead }),
    ggufInputMajor: true,
    flat: true,
    ggufShape: ([, rank], config) => [number(config, "num_attention_heads"), rank!, number(config, "qk_nope_head_dim")],
  },
  {
    gguf: "blk.{l}.attn_v_b.weight",
    hf: "model.layers.{l}.self_attn.kv_b_proj.weight",
    rows: inHeads({ before: (config) => number(config, "qk_nope_head_dim"), own: (config) => number(config, "v_head_dim"), total: perHead }),
    flat: true,
    ggufShape: ([, rank], config) => [number(config, "num_attention_heads"), number(config, "v_head_dim"), rank!],
  },
];

const attention = (gguf: string, hf: string, exact = false): TensorRule => ({ gguf: `blk.{l}.${gguf}.weight`, hf: `model.layers.{l}.self_attn.${hf}.weight`, ...(exact ? { exact } : {}) });

const tensors: TensorRule[] = [
  ...outerTensors,
  attention("attn_q", "q_proj"),
  attention("attn_q_a", "q_a_proj"),
  attention("attn_q_a_norm", "q_a_layernorm", true),
  attention("attn_q_b", "q_b_proj"),
  attention("attn_kv_a_mqa", "kv_a_proj_with_mqa"),
  attention("attn_kv_a_norm", "kv_a_layernorm", true),
  ...upProjections,
  { ...attention("attn_kv_b", "kv_b_proj"), older: true },
  attention("attn_output", "o_proj"),
  feedForwardNorm("ffn_norm"),
  ...denseTensors,
  ...expertTensors(STANDARD_EXPERTS),
  ...sharedExpertTensors("mlp.shared_experts"),
  { gguf: "blk.{l}.exp_probs_b.bias", hf: "model.layers.{l}.mlp.gate.e_score_correction_bias", exact: true },
];

/** Latent attention is written as attention with one key, as wide as the latent and the rotary part. */
const latentAttention: ConfigRule = {
  keys: ["kv_lora_rank", "q_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "num_key_value_heads"],
  toGguf(config): Entries {
    const [rank, nope, rotary, values] = ["kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"].map((key) => number(config, key)) as [number, number, number, number];
    const queries: Entries = typeof config.q_lora_rank === "number" ? { "attention.q_lora_rank": u32(config.q_lora_rank) } : {};
    const wide = { "attention.key_length": u32(rank + rotary), "attention.value_length": u32(rank), "attention.key_length_mla": u32(nope + rotary), "attention.value_length_mla": u32(values) };
    return { "attention.head_count_kv": u32(1), "attention.kv_lora_rank": u32(rank), "rope.dimension_count": u32(rotary), ...queries, ...wide };
  },
  toConfig(from) {
    const rotary = from.count("rope.dimension_count");
    return {
      num_key_value_heads: from.count("attention.head_count"),
      kv_lora_rank: from.count("attention.kv_lora_rank"),
      q_lora_rank: from.has("attention.q_lora_rank") ? from.count("attention.q_lora_rank") : null,
      qk_rope_head_dim: rotary,
      qk_nope_head_dim: from.count("attention.key_length_mla") - rotary,
      v_head_dim: from.count("attention.value_length_mla"),
    };
  },
};

/** YaRN's factor on the scores. It comes back with the rotary positions. */
const scoreScale: ConfigRule = {
  keys: [],
  toGguf(config): Entries {
    const scaling = (config.rope_parameters ?? config.rope_scaling ?? {}) as { mscale_all_dim?: number };
    return scaling.mscale_all_dim === undefined ? {} : { [SCORE_SCALE]: f32(0.1 * scaling.mscale_all_dim) };
  },
  toConfig: () => ({}),
};

const config: ConfigRule[] = [
  ...decoder({ normEps: 1e-6, rope: { theta: 10000, scalesScores: true } }),
  latentAttention,
  scoreScale,
  ...scoredExperts,
  count("intermediate_size", "feed_forward_length"),
  only("attention_bias", false),
  only("moe_layer_freq", 1),
  unsaid("head_dim", "qk_head_dim", "mlp_bias", "auto_map"),
];

/** The choice of experts is by groups where there are several. */
const groupedChoice: ConfigRule = {
  keys: ["topk_method", "scoring_func"],
  toGguf(source) {
    const method = source.topk_method ?? "greedy";
    if (method === "greedy" && number(source, "n_group") > 1) throw new ConfigError("exportGguf: topk_method greedy with n_group above 1 cannot be said in a GGUF file; set n_group to 1.");
    return { expert_gating_func: u32(1) };
  },
  toConfig: (from) => ({ topk_method: from.count("expert_group_count", 1) > 1 ? "group_limited_greedy" : "greedy" }),
};

const isSigmoid = (gating: number): boolean => gating === 2;

/** DeepSeek-V2 and V2-Lite: softmax over experts. llama.cpp takes no notice of the groups. */
export const deepseekV2: GgufFamily = {
  modelType: "deepseek_v2",
  className: "DeepseekV2ForCausalLM",
  architecture: "deepseek2",
  matches: (metadata) => !isSigmoid(metadata.count("deepseek2.expert_gating_func", 1)),
  tensors,
  config: [...config, renormalised(false), groupedChoice],
};

/** DeepSeek-V3 and R1: sigmoid scores, a bias that steers the choice, groups. */
export const deepseekV3: GgufFamily = {
  modelType: "deepseek_v3",
  className: "DeepseekV3ForCausalLM",
  architecture: "deepseek2",
  matches: (metadata) => isSigmoid(metadata.count("deepseek2.expert_gating_func", 1)),
  extraLayers: true,
  tensors,
  config: [...config, renormalised(true), only("rope_interleave", true), unsaid("topk_method", "scoring_func"), stated(() => ({ expert_gating_func: u32(2) }))],
};
