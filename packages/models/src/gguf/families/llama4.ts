import { ConfigError } from "@moekit/core";
import { count, only, u32, unsaid, type ConfigRule } from "../mapping/config-rule.js";
import { half } from "../mapping/row-orders.js";
import type { TensorRule } from "../mapping/tensor-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, experts, feedForwardNorm, groupedHeads, outerTensors, stated } from "./shared.js";

const inLayer = "model.layers.{l}.feed_forward.";
const PARTS = ["gate", "up", "down"] as const;

const feedForward: TensorRule[] = [
  ...PARTS.map((part): TensorRule => ({ gguf: `blk.{l}.ffn_${part}.weight`, hf: `${inLayer}${part}_proj.weight` })),
  ...PARTS.map((part): TensorRule => ({ gguf: `blk.{l}.ffn_${part}_shexp.weight`, hf: `${inLayer}shared_expert.${part}_proj.weight` })),
  { gguf: "blk.{l}.ffn_gate_inp.weight", hf: `${inLayer}router.weight`, exact: true },
  { gguf: "blk.{l}.ffn_gate_exps.weight", hf: `${inLayer}experts.gate_up_proj`, rows: half(0), hfInputMajor: true },
  { gguf: "blk.{l}.ffn_up_exps.weight", hf: `${inLayer}experts.gate_up_proj`, rows: half(1), hfInputMajor: true },
  { gguf: "blk.{l}.ffn_down_exps.weight", hf: `${inLayer}experts.down_proj`, hfInputMajor: true },
];

/** Every fourth layer has no positions and sees everything, the others attend in chunks. */
const EVERY = 4;
const fixedLayers: ConfigRule = {
  keys: ["no_rope_layers", "no_rope_layer_interval", "layer_types"],
  toGguf(config) {
    const layers = Array.from({ length: Number(config.num_hidden_layers) }, (_, layer) => (layer + 1) % EVERY !== 0);
    const differs = (key: string, wanted: readonly unknown[]) => Array.isArray(config[key]) && config[key].length > 0 && JSON.stringify(config[key]) !== JSON.stringify(wanted);
    const types = layers.map((turns) => (turns ? "chunked_attention" : "full_attention"));
    if (differs("no_rope_layers", layers.map(Number)) || differs("layer_types", types) || (config.no_rope_layer_interval ?? EVERY) !== EVERY) throw new ConfigError(`exportGguf: layers without positions other than each ${EVERY}th cannot be said in a GGUF file.`);
    return {};
  },
  toConfig: () => ({ no_rope_layer_interval: EVERY }),
};

/** Every so many layers one has experts, the last of them. */
const moeLayers: ConfigRule = {
  keys: ["moe_layers", "interleave_moe_layer_step"],
  toGguf(config) {
    const step = Number(config.interleave_moe_layer_step ?? 1);
    const wanted = Array.from({ length: Number(config.num_hidden_layers) }, (_, layer) => layer).filter((layer) => (layer + 1) % step === 0);
    if (config.moe_layers !== undefined && config.moe_layers !== null && JSON.stringify(config.moe_layers) !== JSON.stringify(wanted)) throw new ConfigError("exportGguf: moe_layers other than each interleave_moe_layer_step-th cannot be said in a GGUF file.");
    return { interleave_moe_layer_step: u32(step) };
  },
  toConfig: (from) => ({ interleave_moe_layer_step: from.count("interleave_moe_layer_step") }),
};

/** Llama 4 Maverick, with its 128 experts, does not norm queries and keys. */
const queryKeyNorm: ConfigRule = {
  keys: ["use_qk_norm"],
  toGguf(config) {
    const usual = config.num_local_experts !== 128;
    if ((config.use_qk_norm ?? true) !== usual) throw new ConfigError(`exportGguf: use_qk_norm ${String(config.use_qk_norm)} with ${String(config.num_local_experts)} experts cannot be said in a GGUF file; only models of 128 experts do without.`);
    return {};
  },
  toConfig: (from) => ({ use_qk_norm: from.count("expert_count") !== 128 }),
};

/** The text part of Llama 4. */
export const llama4: GgufFamily = {
  modelType: "llama4_text",
  className: "Llama4ForCausalLM",
  architecture: "llama4",
  tensors: [...outerTensors, ...attentionTensors("halves"), feedForwardNorm("ffn_norm"), ...feedForward],
  config: [
    ...decoder({ normEps: 1e-5, rope: { theta: 500000 } }),
    ...groupedHeads(128),
    ...experts(["num_local_experts"]),
    count("intermediate_size", "expert_feed_forward_length"),
    count("intermediate_size_mlp", "feed_forward_length", { fallback: 16384 }),
    fixedLayers,
    moeLayers,
    queryKeyNorm,
    stated(() => ({ expert_gating_func: u32(2) })),
    only("attention_bias", false),
    only("attention_chunk_size", 8192),
    only("attn_temperature_tuning", true, [4]),
    only("attn_scale", 0.1),
    only("floor_scale", 8192),
    unsaid("router_jitter_noise", "for_llm_compressor", "_attn_implementation_autoset"),
  ],
};
