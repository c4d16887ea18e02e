import { count, real, tensorFlag } from "../mapping/config-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, experts, expertTensors, feedForwardNorm, groupedHeads, outerTensors, queryKeyNorms, renormalised, STANDARD_EXPERTS } from "./shared.js";

/** OLMoE. llama.cpp takes no notice of `clip_qkv` and `norm_topk_prob` in this architecture. */
export const olmoe: GgufFamily = {
  modelType: "olmoe",
  className: "OlmoeForCausalLM",
  architecture: "olmoe",
  tensors: [...outerTensors, ...attentionTensors("halves"), ...queryKeyNorms, feedForwardNorm("ffn_norm"), ...expertTensors(STANDARD_EXPERTS)],
  config: [
    ...decoder({ normEps: 1e-5, rope: { theta: 10000 } }),
    ...groupedHeads(),
    ...experts(),
    renormalised(false),
    count("intermediate_size", "feed_forward_length"),
    real("clip_qkv", "attention.clamp_kqv", { optional: true }),
    tensorFlag("attention_bias", "blk.0.attn_q.bias"),
  ],
};
