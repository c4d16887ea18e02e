import { count, only, tensorFlag } from "../mapping/config-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, denseTensors, feedForwardNorm, groupedHeads, outerTensors } from "./shared.js";

/** Llama 1 to 3, without experts. */
export const llama: GgufFamily = {
  modelType: "llama",
  className: "LlamaForCausalLM",
  architecture: "llama",
  matches: (metadata) => metadata.count("llama.expert_count", 0) === 0,
  tensors: [...outerTensors, ...attentionTensors("neighbours"), feedForwardNorm("ffn_norm"), ...denseTensors],
  config: [...decoder({ normEps: 1e-6, rope: { theta: 10000 } }), ...groupedHeads(), count("intermediate_size", "feed_forward_length"), tensorFlag("attention_bias", "blk.0.attn_q.bias"), only("mlp_bias", false)],
};
