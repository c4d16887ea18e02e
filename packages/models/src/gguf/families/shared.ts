/** What families have in common. */
import { ConfigError } from "@moekit/core";
import { GENERAL_KEYS } from "../../config/general-keys.js";
import type { HuggingFaceConfig } from "../../config/model-config.js";
import { bool, count, only, real, u32, unsaid, type ConfigRule } from "../mapping/config-rule.js";
import { rope, type RopeDefaults } from "../mapping/rope-rule.js";
import type { TensorRule } from "../mapping/tensor-rule.js";
import { rotaryNeighbours } from "../mapping/row-orders.js";

/** Defaults of the family's class in transformers. */
export interface DecoderDefaults {
  readonly normEps: number;
  readonly rope: RopeDefaults;
}

/** The settings of every decoder here. */
export const decoder = ({ normEps, rope: defaults }: DecoderDefaults): ConfigRule[] => [
  vocabulary,
  count("hidden_size", "embedding_length"),
  layers,
  count("max_position_embeddings", "context_length"),
  count("num_attention_heads", "attention.head_count"),
  real("rms_norm_eps", "attention.layer_norm_rms_epsilon", { fallback: normEps }),
  rope(defaults),
  tiedHead,
  tokenIds,
  only("hidden_act", "silu"),
  unsaid(...GENERAL_KEYS),
  unsaid("model_type", "architectures", "use_cache", "initializer_range", "pretraining_tp", "attention_dropout", "output_router_logits", "router_aux_loss_coef", "aux_loss_alpha", "seq_aux", "quantization_config", "is_encoder_decoder", "ep_size"),
];

/** GGUF counts the layers that predict further tokens along; they are not written, and not read. */
const layers: ConfigRule = {
  keys: ["num_hidden_layers", "num_nextn_predict_layers"],
  toGguf: (config) => ({ block_count: u32(Number(config.num_hidden_layers)) }),
  toConfig: (from) => ({ num_hidden_layers: from.numLayers - from.count("nextn_predict_layers", 0) }),
};

/** The number of tokens is that of embeddings. */
const vocabulary: ConfigRule = {
  keys: ["vocab_size"],
  toGguf: (config) => ({ vocab_size: u32(Number(config.vocab_size)) }),
  toConfig: ({ file }) => ({ vocab_size: file.info("token_embd.weight").shape[0]! }),
};

/** Without a head of its own, the model's head is its embeddings. */
const tiedHead: ConfigRule = { keys: ["tie_word_embeddings"], toGguf: () => ({}), toConfig: ({ file }) => ({ tie_word_embeddings: !file.tensors.has("output.weight") }) };

const TOKEN_IDS = { bos_token_id: "tokenizer.ggml.bos_token_id", eos_token_id: "tokenizer.ggml.eos_token_id", pad_token_id: "tokenizer.ggml.padding_token_id" };

/** Ids of special tokens are under the tokenizer, not under the architecture. Of several end tokens GGUF keeps the first. */
const tokenIds: ConfigRule = {
  keys: Object.keys(TOKEN_IDS),
  toGguf(config) {
    const firsts = Object.entries(TOKEN_IDS).map(([hf, gguf]) => [gguf, [config[hf]].flat()[0]] as const);
    return Object.fromEntries(firsts.filter(([, id]) => typeof id === "number").map(([gguf, id]) => [`/${gguf}`, u32(id as number)]));
  },
  toConfig: ({ file: { metadata } }) => Object.fromEntries(Object.entries(TOKEN_IDS).flatMap(([hf, gguf]) => (metadata.has(gguf) ? [[hf, metadata.count(gguf)]] : []))),
};

/**
 * Heads of keys and values, and the width of a head.
 * @param defaultHeadDim - Of the family's class in transformers, where it is not `hidden_size / num_attention_heads`.
 */
export const groupedHeads = (defaultHeadDim?: number): ConfigRule[] => [
  {
    keys: ["num_key_value_heads"],
    toGguf: (config) => ({ "attention.head_count_kv": u32(Number(config.num_key_value_heads ?? config.num_attention_heads)) }),
    toConfig: (from) => ({ num_key_value_heads: from.count("attention.head_count_kv", from.count("attention.head_count")) }),
  },
  {
    keys: ["head_dim"],
    toGguf(config) {
      const own = Number(config.hidden_size) / Number(config.num_attention_heads);
      const share = Math.floor(own);
      const headDim = config.head_dim === null ? share : Number(config.head_dim ?? defaultHeadDim ?? share);
      return { "rope.dimension_count": u32(headDim), ...(headDim === own ? {} : { "attention.key_length": u32(headDim), "attention.value_length": u32(headDim) }) };
    },
    toConfig(from) {
      if (!from.has("attention.key_length") && defaultHeadDim === undefined) return {};
      const headDim = from.count("attention.key_length", from.count("embedding_length") / from.count("attention.head_count"));
      if (from.count("attention.value_length", headDim) !== headDim) throw new ConfigError(`openGguf: attention.key_length ${headDim} and attention.value_length must be equal in this family; the latter is ${from.count("attention.value_length")}.`);
      return { head_dim: headDim };
    },
  },
];

/** Experts, and how many each token has. @param names - The keys of the family, the first is written. */
export const experts = (names: readonly string[] = ["num_experts", "num_local_experts"], used = "num_experts_per_tok"): ConfigRule[] => [
  {
    keys: names,
    toGguf(config) {
      const found = names.map((name) => config[name]).find((value) => typeof value === "number");
      if (found === undefined) throw new ConfigError(`exportGguf: config.json has none of ${names.join(", ")}.`);
      return { expert_count: u32(found) };
    },
    toConfig: (from) => ({ [names[0]!]: from.count("expert_count") }),
  },
  count(used, "expert_used_count"),
];

/** Experts with a sigmoid router: the first layers are dense, a bias steers the choice, gates are scaled. */
export const scoredExperts: ConfigRule[] = [
  ...experts(["n_routed_experts"]),
  count("n_shared_experts", "expert_shared_count"),
  count("moe_intermediate_size", "expert_feed_forward_length"),
  count("first_k_dense_replace", "leading_dense_block_count"),
  count("n_group", "expert_group_count", { fallback: 1 }),
  count("topk_group", "expert_group_used_count", { fallback: 1 }),
  real("routed_scaling_factor", "expert_weights_scale", { fallback: 1 }),
];

/** All layers see everything before them, unless a window says otherwise. */
export const fullAttention: ConfigRule = {
  keys: ["layer_types"],
  toGguf(config) {
    const others = ((config.layer_types ?? []) as unknown[]).filter((type) => type !== "full_attention" && type !== "sliding_attention");
    if (others.length > 0) throw new ConfigError(`exportGguf: layer_types "${String(others[0])}" cannot be said in a GGUF file of this architecture.`);
    return {};
  },
  toConfig: () => ({}),
};

/** Whether the gates of a token's experts are made to sum to 1; llama.cpp has the family's usual answer built in and ignores the key. */
export const renormalised = (usual: boolean): ConfigRule => ({
  keys: ["norm_topk_prob"],
  toGguf: (config) => ({ expert_weights_norm: bool(config.norm_topk_prob === true) }),
  toConfig: (from) => ({ norm_topk_prob: from.flag("expert_weights_norm", usual) }),
});

/** Layers with a dense feed-forward among those with experts: in GGUF the tensors tell. */
export const denseLayers: ConfigRule = {
  keys: ["mlp_only_layers", "decoder_sparse_step"],
  toGguf: () => ({}),
  toConfig(from) {
    const all = Array.from({ length: from.numLayers }, (_, layer) => layer);
    return { decoder_sparse_step: 1, mlp_only_layers: all.filter((layer) => !from.file.tensors.has(`blk.${layer}.ffn_gate_inp.weight`)) };
  },
};

/** Each token sees so many before it, itself included; left out: all. */
export const slidingWindow: ConfigRule = count("sliding_window", "attention.sliding_window", { optional: true });

/** Embeddings, norms and the head, under the names that nearly all families have. */
export const outerTensors: TensorRule[] = [
  { gguf: "token_embd.weight", hf: "model.embed_tokens.weight" },
  { gguf: "output_norm.weight", hf: "model.norm.weight", exact: true },
  { gguf: "output.weight", hf: "lm_head.weight" },
  { gguf: "blk.{l}.attn_norm.weight", hf: "model.layers.{l}.input_layernorm.weight", exact: true },
];

/** The norm between attention and feed-forward. */
export const feedForwardNorm = (gguf: string): TensorRule => ({ gguf: `blk.{l}.${gguf}.weight`, hf: "model.layers.{l}.post_attention_layernorm.weight", exact: true });

/** Projections of attention with their biases, where there are any. @param order - How llama.cpp turns positions in this architecture. */
export function attentionTensors(order: "halves" | "neighbours"): TensorRule[] {
  const rows = { q: rotaryNeighbours("num_attention_heads"), k: rotaryNeighbours("num_key_value_heads") };
  return (["q", "k", "v", "output"] as const).flatMap((part) =>
    (["weight", "bias"] as const).map((kind) => ({
      gguf: `blk.{l}.attn_${part}.${kind}`,
      hf: `model.layers.{l}.self_attn.${part === "output" ? "o" : part}_proj.${kind}`,
      ...(order === "neighbours" && (part === "q" || part === "k") ? { rows: rows[part] } : {}),
      ...(kind === "bias" ? { exact: true } : {}),
    })),
  );
}

/** Norms of queries and keys. */
export const queryKeyNorms: TensorRule[] = ["q", "k"].map((part) => ({ gguf: `blk.{l}.attn_${part}_norm.weight`, hf: `model.layers.{l}.self_attn.${part}_norm.weight`, exact: true }));

const PARTS = ["gate", "up", "down"] as const;

/** The dense feed-forward of a layer. */
export const denseTensors: TensorRule[] = PARTS.map((part) => ({ gguf: `blk.{l}.ffn_${part}.weight`, hf: `model.layers.{l}.mlp.${part}_proj.weight` }));

/** Router and experts. @param names - Inside a layer; `{e}` is the expert. */
export function expertTensors(names: { router: string; gate: string; up: string; down: string }): TensorRule[] {
  return [
    { gguf: "blk.{l}.ffn_gate_inp.weight", hf: `model.layers.{l}.${names.router}`, exact: true },
    ...PARTS.map((part) => ({ gguf: `blk.{l}.ffn_${part}_exps.weight`, hf: `model.layers.{l}.${names[part]}`, perExpert: `blk.{l}.ffn_${part}.{e}.weight` })),
  ];
}

/** The names of olmoe, the Qwen MoE families and many after them. */
export const STANDARD_EXPERTS = { router: "mlp.gate.weight", gate: "mlp.experts.{e}.gate_proj.weight", up: "mlp.experts.{e}.up_proj.weight", down: "mlp.experts.{e}.down_proj.weight" };

/** Experts that every token passes. @param hf - Their name inside a layer. */
export const sharedExpertTensors = (hf: string): TensorRule[] => PARTS.map((part) => ({ gguf: `blk.{l}.ffn_${part}_shexp.weight`, hf: `model.layers.{l}.${hf}.${part}_proj.weight` }));

/** A rule that adds metadata which llama.cpp needs and config.json does not have. */
export const stated = (entries: (config: HuggingFaceConfig) => ReturnType<ConfigRule["toGguf"]>): ConfigRule => ({ keys: [], toGguf: entries, toConfig: () => ({}) });
