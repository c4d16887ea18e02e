import { ConfigError } from "@moekit/core";
import { count, only, u32, unsaid, type ConfigRule } from "../mapping/config-rule.js";
import { alternate } from "../mapping/row-orders.js";
import type { TensorRule } from "../mapping/tensor-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, experts, feedForwardNorm, groupedHeads, outerTensors, stated } from "./shared.js";

const inLayer = "model.layers.{l}.";
const experts_ = `${inLayer}mlp.experts.`;

/** Gate and up alternate in one input-major tensor. */
const expertRules: TensorRule[] = [
  ...(["gate", "up"] as const).flatMap((part, index): TensorRule[] => [
    { gguf: `blk.{l}.ffn_${part}_exps.weight`, hf: `${experts_}gate_up_proj`, rows: alternate(index as 0 | 1), hfInputMajor: true },
    { gguf: `blk.{l}.ffn_${part}_exps.bias`, hf: `${experts_}gate_up_proj_bias`, rows: alternate(index as 0 | 1), exact: true },
  ]),
  { gguf: "blk.{l}.ffn_down_exps.weight", hf: `${experts_}down_proj`, hfInputMajor: true },
  { gguf: "blk.{l}.ffn_down_exps.bias", hf: `${experts_}down_proj_bias`, exact: true },
  { gguf: "blk.{l}.ffn_gate_inp.weight", hf: `${inLayer}mlp.router.weight`, exact: true },
  { gguf: "blk.{l}.ffn_gate_inp.bias", hf: `${inLayer}mlp.router.bias`, exact: true },
];

const alternating = (layers: number): string[] => Array.from({ length: layers }, (_, layer) => (layer % 2 === 0 ? "sliding_attention" : "full_attention"));

/** Every other layer has a window, from the first one on. */
const layerTypes: ConfigRule = {
  keys: ["layer_types"],
  toGguf(config) {
    const wanted = alternating(Number(config.num_hidden_layers));
    if (JSON.stringify(config.layer_types ?? wanted) !== JSON.stringify(wanted)) throw new ConfigError("exportGguf: layer_types must alternate from sliding_attention on; GGUF cannot say another order in this architecture.");
    return {};
  },
  toConfig: (from) => ({ layer_types: alternating(from.numLayers) }),
};

/** What the class takes where the file says nothing of rotary positions. */
const YARN = { rope_type: "yarn", factor: 32, beta_fast: 32, beta_slow: 1, truncate: false, original_max_position_embeddings: 4096 };

/** gpt-oss: biases everywhere, attention sinks, clamped SwiGLU. llama.cpp rounds the ends of YaRN's ramp, transformers does not. */
export const gptOss: GgufFamily = {
  modelType: "gpt_oss",
  className: "GptOssForCausalLM",
  architecture: "gpt-oss",
  tensors: [...outerTensors, ...attentionTensors("halves"), { gguf: "blk.{l}.attn_sinks.weight", hf: `${inLayer}self_attn.sinks`, exact: true }, feedForwardNorm("post_attention_norm"), ...expertRules],
  config: [
    ...decoder({ normEps: 1e-5, rope: { theta: 150000, truncate: false, parameters: YARN } }),
    ...groupedHeads(64),
    ...experts(["num_local_experts", "num_experts"]),
    count("intermediate_size", "expert_feed_forward_length"),
    stated((config) => ({ feed_forward_length: u32(Number(config.intermediate_size)) })),
    count("sliding_window", "attention.sliding_window", { fallback: 128 }),
    layerTypes,
    only("attention_bias", true),
    only("swiglu_limit", 7),
    unsaid("experts_per_token", "initial_context_length"),
  ],
};
