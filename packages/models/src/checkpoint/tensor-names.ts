import { CheckpointError } from "@moekit/core";
import type { FeedForwardConfig, ModelConfig } from "../config/model-config.js";
import { findFamily } from "../families/index.js";
import type { MoeNames } from "../families/family.js";

/** What a parameter is called in files: one tensor, or one per expert, stacked along the first axis. */
export type TensorNames = string | readonly string[];

/**
 * File names of parameters by path.
 *
 * @param paths - All parameters of the model. A router that its family does not have may have more than a weight.
 */
export function tensorNames(config: ModelConfig, paths: readonly string[]): Map<string, TensorNames> {
  const known = familyNames(config);
  return new Map(paths.map((path) => [path, known.get(path) ?? ownRouterName(path)]));
}

function familyNames(config: ModelConfig): Map<string, TensorNames> {
  const names = new Map<string, TensorNames>([
    ["embedding.weight", "model.embed_tokens.weight"],
    ["norm.weight", "model.norm.weight"],
    ["head.weight", "lm_head.weight"],
  ]);
  const { moeNames } = findFamily(config.family)!;
  config.layers.forEach(({ feedForward }, layer) => {
    const inLayer = { ...NORM_NAMES, ...ATTENTION_NAMES, ...feedForwardNames(feedForward, moeNames) };
    for (const [path, name] of Object.entries(inLayer)) names.set(`layers.${layer}.${path}`, inside(`model.layers.${layer}`, name));
  });
  return names;
}

/** Such tensors are only in files whose `model_type` has our prefix, see {@link withRouter}. */
function ownRouterName(path: string): string {
  const [, layer, name] = /^layers\.(\d+)\.moe\.router\.(.+)$/.exec(path) ?? [];
  if (name === undefined) throw new CheckpointError(`tensorNames: no name is known for the parameter ${path}.`);
  return `model.layers.${layer}.moekit_router.${name}`;
}

const NORM_NAMES = { "attentionNorm.weight": "input_layernorm.weight", "feedForwardNorm.weight": "post_attention_layernorm.weight" };

const PROJECTIONS = { query: "q_proj", key: "k_proj", value: "v_proj", output: "o_proj" };
const QK_NORMS = { queryNorm: "q_norm", keyNorm: "k_norm" };
const ATTENTION_NAMES: Record<string, string> = Object.fromEntries([
  ...Object.entries({ ...PROJECTIONS, ...QK_NORMS }).map(([path, name]) => [`attention.${path}.weight`, `self_attn.${name}.weight`]),
  ...Object.entries(PROJECTIONS).map(([path, name]) => [`attention.${path}.bias`, `self_attn.${name}.bias`]),
]);

function feedForwardNames(feedForward: FeedForwardConfig, moe: MoeNames): Record<string, TensorNames> {
  if (feedForward.kind === "dense") return Object.fromEntries(["gate", "up", "down"].map((part) => [`dense.${part}.weight`, `mlp.${part}_proj.weight`]));
  const perExpert = (pattern: string) => Array.from({ length: feedForward.numExperts }, (_, expert) => pattern.replace("{e}", String(expert)));
  return { "moe.router.weight": moe.router, "moe.experts.gate": perExpert(moe.gate), "moe.experts.up": perExpert(moe.up), "moe.experts.down": perExpert(moe.down) };
}

function inside(prefix: string, name: TensorNames): TensorNames {
  return typeof name === "string" ? `${prefix}.${name}` : name.map((one) => `${prefix}.${one}`);
}
