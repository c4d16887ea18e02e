import { count, only, tensorFlag, unsaid } from "../mapping/config-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, denseTensors, feedForwardNorm, fullAttention, groupedHeads, outerTensors, queryKeyNorms } from "./shared.js";

/** Qwen3, without experts. */
export const qwen3: GgufFamily = {
  modelType: "qwen3",
  className: "Qwen3ForCausalLM",
  architecture: "qwen3",
  tensors: [...outerTensors, ...attentionTensors("halves"), ...queryKeyNorms, feedForwardNorm("ffn_norm"), ...denseTensors],
  config: [
    ...decoder({ normEps: 1e-6, rope: { theta: 10000 } }),
    ...groupedHeads(128),
    count("intermediate_size", "feed_forward_length"),
    tensorFlag("attention_bias", "blk.0.attn_q.bias"),
    only("use_sliding_window", false),
    unsaid("sliding_window", "max_window_layers"),
    fullAttention,
  ],
};
