import { count, only, tensorFlag, unsaid } from "../mapping/config-rule.js";
import type { TensorRule } from "../mapping/tensor-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { MIXTRAL_EXPERTS } from "./mixtral.js";
import { attentionTensors, decoder, experts, expertTensors, feedForwardNorm, groupedHeads, outerTensors, slidingWindow } from "./shared.js";

/** Layer norms and the head have biases. */
const biases: TensorRule[] = [
  { gguf: "output_norm.bias", hf: "model.norm.bias", exact: true },
  { gguf: "output.bias", hf: "lm_head.bias", exact: true },
  { gguf: "blk.{l}.attn_norm.bias", hf: "model.layers.{l}.input_layernorm.bias", exact: true },
  { gguf: "blk.{l}.ffn_norm.bias", hf: "model.layers.{l}.post_attention_layernorm.bias", exact: true },
];

/** Phi-3.5-MoE. llama.cpp chooses experts by softmax and top 2, which is near to SparseMixer, not the same. */
export const phimoe: GgufFamily = {
  modelType: "phimoe",
  className: "PhimoeForCausalLM",
  architecture: "phimoe",
  tensors: [...outerTensors, ...attentionTensors("halves"), feedForwardNorm("ffn_norm"), ...expertTensors(MIXTRAL_EXPERTS), ...biases],
  config: [
    ...decoder({ normEps: 1e-5, rope: { theta: 1e6, namesScales: true } }),
    ...groupedHeads(),
    ...experts(["num_local_experts"]),
    count("intermediate_size", "feed_forward_length"),
    slidingWindow,
    tensorFlag("attention_bias", "blk.0.attn_q.bias"),
    tensorFlag("lm_head_bias", "output.bias"),
    only("router_jitter_noise", 0.01),
    unsaid("input_jitter_noise", "hidden_dropout"),
  ],
};
