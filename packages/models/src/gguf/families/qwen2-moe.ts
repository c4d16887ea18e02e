import { count, only, tensorFlag, unsaid } from "../mapping/config-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, denseLayers, denseTensors, experts, expertTensors, feedForwardNorm, fullAttention, groupedHeads, outerTensors, renormalised, sharedExpertTensors, STANDARD_EXPERTS } from "./shared.js";

/** Qwen1.5-MoE and Qwen2-MoE: a shared expert behind a gate of its own. llama.cpp never renormalises the gates, and has no dense layers here. */
export const qwen2Moe: GgufFamily = {
  modelType: "qwen2_moe",
  className: "Qwen2MoeForCausalLM",
  architecture: "qwen2moe",
  tensors: [
    ...outerTensors,
    ...attentionTensors("halves"),
    feedForwardNorm("ffn_norm"),
    ...denseTensors,
    ...expertTensors(STANDARD_EXPERTS),
    ...sharedExpertTensors("mlp.shared_expert"),
    { gguf: "blk.{l}.ffn_gate_inp_shexp.weight", hf: "model.layers.{l}.mlp.shared_expert_gate.weight", oneRow: true, exact: true },
  ],
  config: [
    ...decoder({ normEps: 1e-6, rope: { theta: 10000 } }),
    ...groupedHeads(),
    ...experts(),
    renormalised(false),
    denseLayers,
    count("intermediate_size", "feed_forward_length"),
    count("moe_intermediate_size", "expert_feed_forward_length"),
    count("shared_expert_intermediate_size", "expert_shared_feed_forward_length"),
    tensorFlag("qkv_bias", "blk.0.attn_q.bias"),
    only("use_sliding_window", false),
    unsaid("sliding_window", "max_window_layers"),
    fullAttention,
  ],
};
