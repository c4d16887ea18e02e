import { ConfigError } from "@moekit/core";
import { count, demanded, only, u32, unsaid, type ConfigRule } from "../mapping/config-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, denseTensors, experts, expertTensors, feedForwardNorm, groupedHeads, outerTensors, sharedExpertTensors, STANDARD_EXPERTS, stated } from "./shared.js";

/** The last layer with experts is the last one. */
const lastMoeLayer: ConfigRule = {
  keys: ["moe_layer_end_index"],
  toGguf(config) {
    const last = Number(config.moe_layer_end_index ?? -1);
    if (last !== -1 && last !== Number(config.num_hidden_layers) - 1) throw new ConfigError(`exportGguf: moe_layer_end_index ${last} cannot be said in a GGUF file; the last layer always has experts.`);
    return {};
  },
  toConfig: () => ({}),
};

/** ERNIE 4.5 with experts. Rotary dimensions are neighbours in Hugging Face files too. */
export const ernie45Moe: GgufFamily = {
  modelType: "ernie4_5_moe",
  className: "Ernie4_5_MoeForCausalLM",
  architecture: "ernie4_5-moe",
  tensors: [
    ...outerTensors,
    ...attentionTensors("halves"),
    feedForwardNorm("ffn_norm"),
    ...denseTensors,
    ...expertTensors(STANDARD_EXPERTS),
    ...sharedExpertTensors("mlp.shared_experts"),
    { gguf: "blk.{l}.exp_probs_b.bias", hf: "model.layers.{l}.mlp.moe_statics.e_score_correction_bias", oneRow: true, exact: true },
  ],
  config: [
    ...decoder({ normEps: 1e-5, rope: { theta: 500000 } }),
    ...groupedHeads(),
    ...experts(["moe_num_experts"], "moe_k"),
    count("intermediate_size", "feed_forward_length"),
    count("moe_intermediate_size", "expert_feed_forward_length"),
    count("moe_num_shared_experts", "expert_shared_count", { fallback: 2 }),
    stated((config) => ({ expert_shared_feed_forward_length: u32(Number(config.moe_intermediate_size) * Number(config.moe_num_shared_experts ?? 2)) })),
    count("moe_layer_start_index", "leading_dense_block_count", { fallback: 1 }),
    count("moe_layer_interval", "interleave_moe_layer_step", { fallback: 1 }),
    lastMoeLayer,
    only("moe_norm_min", 1e-12),
    only("use_bias", false),
    demanded("moe_gate", "topk"),
    demanded("moe_gate_act", "softmax"),
    demanded("moe_norm_gate_logits", true),
    unsaid("moe_capacity", "moe_use_aux_free"),
  ],
};
