import { count, only } from "../mapping/config-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, experts, expertTensors, feedForwardNorm, groupedHeads, outerTensors, slidingWindow } from "./shared.js";

/** Names of router and experts inside a layer. */
export const MIXTRAL_EXPERTS = { router: "block_sparse_moe.gate.weight", gate: "block_sparse_moe.experts.{e}.w1.weight", up: "block_sparse_moe.experts.{e}.w3.weight", down: "block_sparse_moe.experts.{e}.w2.weight" };

/** Mixtral is the llama architecture with experts. llama.cpp takes no notice of its sliding window. */
export const mixtral: GgufFamily = {
  modelType: "mixtral",
  className: "MixtralForCausalLM",
  architecture: "llama",
  matches: (metadata) => metadata.count("llama.expert_count", 0) > 0,
  tensors: [...outerTensors, ...attentionTensors("neighbours"), feedForwardNorm("ffn_norm"), ...expertTensors(MIXTRAL_EXPERTS)],
  config: [
    ...decoder({ normEps: 1e-5, rope: { theta: 1e6 } }),
    ...groupedHeads(),
    ...experts(["num_local_experts", "num_experts"]),
    count("intermediate_size", "feed_forward_length"),
    slidingWindow,
    only("router_jitter_noise", 0),
  ],
};
