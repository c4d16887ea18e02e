import { count, tensorFlag, u32, unsaid } from "../mapping/config-rule.js";
import type { TensorRule } from "../mapping/tensor-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, experts, expertTensors, feedForwardNorm, groupedHeads, outerTensors, sharedExpertTensors, STANDARD_EXPERTS, stated } from "./shared.js";

const norms: TensorRule[] = [
  { gguf: "blk.{l}.attn_q_norm.weight", hf: "model.layers.{l}.self_attn.query_layernorm.weight", exact: true },
  { gguf: "blk.{l}.attn_k_norm.weight", hf: "model.layers.{l}.self_attn.key_layernorm.weight", exact: true },
];

/** Hunyuan-A13B: one shared expert, queries and keys normed after they are turned. */
export const hunyuanMoe: GgufFamily = {
  modelType: "hunyuan_v1_moe",
  className: "HunYuanMoEV1ForCausalLM",
  architecture: "hunyuan-moe",
  tensors: [...outerTensors, ...attentionTensors("halves"), ...norms, feedForwardNorm("ffn_norm"), ...expertTensors({ ...STANDARD_EXPERTS, router: "mlp.gate.wg.weight" }), ...sharedExpertTensors("mlp.shared_mlp")],
  config: [
    ...decoder({ normEps: 1e-5, rope: { theta: 10000 } }),
    ...groupedHeads(),
    ...experts(["num_experts"], "moe_topk"),
    count("intermediate_size", "feed_forward_length"),
    stated((config) => ({ expert_feed_forward_length: u32(Number(config.intermediate_size)), expert_shared_feed_forward_length: u32(Number(config.intermediate_size)) })),
    tensorFlag("attention_bias", "blk.0.attn_q.bias"),
    unsaid("eod_token_id", "sep_token_id"),
  ],
};
