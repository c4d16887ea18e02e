import { ConfigError } from "@moekit/core";
import { count, tensorFlag, u32, type ConfigRule } from "../mapping/config-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, denseTensors, expertTensors, feedForwardNorm, groupedHeads, outerTensors, queryKeyNorms, renormalised, scoredExperts, sharedExpertTensors, STANDARD_EXPERTS, stated } from "./shared.js";

const HALF = 0.5;

/** Only the first dimensions of a head are turned. */
const partialRotary: ConfigRule = {
  keys: ["partial_rotary_factor"],
  toGguf(config) {
    // transformers 5 writes the class default at the top, whatever the rope parameters say.
    const inRope = (config.rope_parameters as { partial_rotary_factor?: number } | undefined)?.partial_rotary_factor;
    const factor = Number(inRope ?? config.partial_rotary_factor ?? HALF);
    const headDim = Number(config.head_dim ?? Math.floor(Number(config.hidden_size) / Number(config.num_attention_heads)));
    const turned = Math.trunc(headDim * factor);
    if (turned % 2 !== 0) throw new ConfigError(`exportGguf: partial_rotary_factor ${factor} of head_dim ${headDim} must be an even number of dimensions in a GGUF file; got ${turned}.`);
    return { "rope.dimension_count": u32(turned), "attention.key_length": u32(headDim), "attention.value_length": u32(headDim) };
  },
  toConfig: (from) => ({ partial_rotary_factor: from.count("rope.dimension_count") / from.count("attention.key_length") }),
};

/** GLM-4.5 and GLM-4.5-Air. */
export const glm4Moe: GgufFamily = {
  modelType: "glm4_moe",
  className: "Glm4MoeForCausalLM",
  architecture: "glm4moe",
  extraLayers: true,
  tensors: [
    ...outerTensors,
    ...attentionTensors("halves"),
    ...queryKeyNorms,
    feedForwardNorm("post_attention_norm"),
    ...denseTensors,
    ...expertTensors(STANDARD_EXPERTS),
    ...sharedExpertTensors("mlp.shared_experts"),
    { gguf: "blk.{l}.exp_probs_b.bias", hf: "model.layers.{l}.mlp.gate.e_score_correction_bias", exact: true },
  ],
  config: [
    ...decoder({ normEps: 1e-5, rope: { theta: 10000 } }),
    ...groupedHeads(),
    partialRotary,
    ...scoredExperts,
    renormalised(true),
    count("intermediate_size", "feed_forward_length"),
    tensorFlag("attention_bias", "blk.0.attn_q.bias"),
    tensorFlag("use_qk_norm", "blk.0.attn_q_norm.weight"),
    stated(() => ({ expert_gating_func: u32(2) })),
  ],
};
