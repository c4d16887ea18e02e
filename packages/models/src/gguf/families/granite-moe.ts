import { count, demanded, real, tensorFlag, unsaid } from "../mapping/config-rule.js";
import { half } from "../mapping/row-orders.js";
import type { TensorRule } from "../mapping/tensor-rule.js";
import type { GgufFamily } from "./gguf-family.js";
import { attentionTensors, decoder, experts, feedForwardNorm, groupedHeads, outerTensors } from "./shared.js";

/** Gate above up in one tensor, under the name of `hf` in a layer. */
const fused = (suffix: string, hf: string): TensorRule[] => [
  { gguf: `blk.{l}.ffn_gate_${suffix}.weight`, hf: `model.layers.{l}.${hf}.input_linear.weight`, rows: half(0) },
  { gguf: `blk.{l}.ffn_up_${suffix}.weight`, hf: `model.layers.{l}.${hf}.input_linear.weight`, rows: half(1) },
  { gguf: `blk.{l}.ffn_down_${suffix}.weight`, hf: `model.layers.{l}.${hf}.output_linear.weight` },
];

const tensors: TensorRule[] = [
  ...outerTensors,
  ...attentionTensors("neighbours"),
  feedForwardNorm("ffn_norm"),
  { gguf: "blk.{l}.ffn_gate_inp.weight", hf: "model.layers.{l}.block_sparse_moe.router.layer.weight", exact: true },
  ...fused("exps", "block_sparse_moe"),
];

const config = [
  ...decoder({ normEps: 1e-6, rope: { theta: 10000 } }),
  ...groupedHeads(),
  ...experts(["num_local_experts"]),
  count("intermediate_size", "feed_forward_length"),
  real("attention_multiplier", "attention.scale", { fallback: 1 }),
  real("embedding_multiplier", "embedding_scale", { fallback: 1 }),
  real("residual_multiplier", "residual_scale", { fallback: 1 }),
  real("logits_scaling", "logit_scale", { fallback: 1 }),
  tensorFlag("attention_bias", "blk.0.attn_q.bias"),
  demanded("normalization_function", "rmsnorm"),
  demanded("position_embedding_type", "rope"),
  unsaid("init_method"),
];

/** Granite-MoE: scaled embeddings, residuals, scores and logits. */
export const graniteMoe: GgufFamily = {
  modelType: "granitemoe",
  className: "GraniteMoeForCausalLM",
  architecture: "granitemoe",
  matches: (metadata) => metadata.count("granitemoe.expert_shared_feed_forward_length", 0) === 0,
  tensors,
  config,
};

/** Granite-MoE with experts that every token passes. */
export const graniteMoeShared: GgufFamily = {
  modelType: "granitemoeshared",
  className: "GraniteMoeSharedForCausalLM",
  architecture: "granitemoe",
  matches: (metadata) => metadata.count("granitemoe.expert_shared_feed_forward_length", 0) > 0,
  tensors: [...tensors, ...fused("shexp", "shared_mlp")],
  config: [...config, count("shared_intermediate_size", "expert_shared_feed_forward_length")],
};
