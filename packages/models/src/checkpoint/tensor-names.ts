import type { AttentionConfig, FeedForwardConfig, ModelConfig } from "../config/model-config.js";
import { findFamily } from "../families/index.js";
import type { MoeNames } from "../families/family.js";

/** What a parameter is called in files: one tensor, or one per expert, stacked along the first axis. */
export type TensorNames = string | readonly string[];

/** File names of all parameters of a model, by parameter path. */
export function tensorNames(config: ModelConfig): Map<string, TensorNames> {
  const names = new Map<string, TensorNames>([
    ["embedding.weight", "model.embed_tokens.weight"],
    ["norm.weight", "model.norm.weight"],
  ]);
  if (!config.tieEmbeddings) names.set("head.weight", "lm_head.weight");
  const { moeNames } = findFamily(config.family)!;
  config.layers.forEach(({ attention, feedForward }, layer) => {
    const inLayer = { ...NORM_NAMES, ...attentionNames(attention), ...feedForwardNames(feedForward, moeNames) };
    for (const [path, name] of Object.entries(inLayer)) names.set(`layers.${layer}.${path}`, inside(`model.layers.${layer}`, name));
  });
  return names;
}

const NORM_NAMES = { "attentionNorm.weight": "input_layernorm.weight", "feedForwardNorm.weight": "post_attention_layernorm.weight" };

function attentionNames({ bias, qkNorm }: AttentionConfig): Record<string, string> {
  const projections = { query: "q_proj", key: "k_proj", value: "v_proj", output: "o_proj" };
  const norms = qkNorm === "none" ? {} : { queryNorm: "q_norm", keyNorm: "k_norm" };
  const entries = Object.entries({ ...projections, ...norms }).map(([path, name]) => [`attention.${path}.weight`, `self_attn.${name}.weight`]);
  const biases = bias ? Object.entries(projections).map(([path, name]) => [`attention.${path}.bias`, `self_attn.${name}.bias`]) : [];
  return Object.fromEntries([...entries, ...biases]) as Record<string, string>;
}

function feedForwardNames(feedForward: FeedForwardConfig, moe: MoeNames): Record<string, TensorNames> {
  if (feedForward.kind === "dense") return Object.fromEntries(["gate", "up", "down"].map((part) => [`dense.${part}.weight`, `mlp.${part}_proj.weight`]));
  const perExpert = (pattern: string) => Array.from({ length: feedForward.numExperts }, (_, expert) => pattern.replace("{e}", String(expert)));
  return { "moe.router.weight": moe.router, "moe.experts.gate": perExpert(moe.gate), "moe.experts.up": perExpert(moe.up), "moe.experts.down": perExpert(moe.down) };
}

function inside(prefix: string, name: TensorNames): TensorNames {
  return typeof name === "string" ? `${prefix}.${name}` : name.map((one) => `${prefix}.${one}`);
}
