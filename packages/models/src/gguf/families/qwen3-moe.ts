import { count, tensorFlag, u32, type ConfigRule, type Entries } from "../mapping/config-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, denseLayers, denseTensors, experts, expertTensors, feedForwardNorm, groupedHeads, outerTensors, queryKeyNorms, renormalised, STANDARD_EXPERTS } from "./shared.js";

/** The window of the Qwen families holds only where it is switched on. */
export const switchedWindow: ConfigRule = {
  keys: ["use_sliding_window", "sliding_window", "max_window_layers"],
  toGguf: (config): Entries => (config.use_sliding_window === true ? { "attention.sliding_window": u32(Number(config.sliding_window)) } : {}),
  toConfig: (from) => (from.has("attention.sliding_window") ? { use_sliding_window: true, sliding_window: from.count("attention.sliding_window") } : { use_sliding_window: false }),
};

/** Qwen3-MoE. llama.cpp always renormalises the gates of this architecture, and has no dense layers and no window in it. */
export const qwen3Moe: GgufFamily = {
  modelType: "qwen3_moe",
  className: "Qwen3MoeForCausalLM",
  architecture: "qwen3moe",
  tensors: [...outerTensors, ...attentionTensors("halves"), ...queryKeyNorms, feedForwardNorm("ffn_norm"), ...denseTensors, ...expertTensors(STANDARD_EXPERTS)],
  config: [
    ...decoder({ normEps: 1e-6, rope: { theta: 10000 } }),
    ...groupedHeads(),
    ...experts(),
    renormalised(true),
    denseLayers,
    count("intermediate_size", "feed_forward_length"),
    count("moe_intermediate_size", "expert_feed_forward_length"),
    switchedWindow,
    tensorFlag("attention_bias", "blk.0.attn_q.bias"),
  ],
};
