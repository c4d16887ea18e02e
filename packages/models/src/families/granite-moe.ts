import type { ConfigReader } from "../config/config-reader.js";
import type { ModelConfig, ResidualConfig } from "../config/model-config.js";
import { partOfRows } from "../layout/place.js";
import type { Family, Placings } from "./family.js";
import { ATTENTION, NORMS } from "./names.js";
import { layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-6, ropeTheta: 10000, auxLossCoefficient: 0.001 };

/** Granite 3 MoE: four multipliers, experts fused in one tensor per layer. */
export const graniteMoe: Family = {
  modelType: "granitemoe",
  architecture: "GraniteMoeForCausalLM",
  config: (read) => readGranite(read, undefined),
  layer: () => GRANITE_LAYER,
};

/** Granite MoE with a shared expert. */
export const graniteMoeShared: Family = {
  modelType: "granitemoeshared",
  architecture: "GraniteMoeSharedForCausalLM",
  config(read) {
    const width = read.count("shared_intermediate_size", 0);
    return readGranite(read, width > 0 ? { width, gated: false } : undefined);
  },
  layer: () => ({
    ...GRANITE_LAYER,
    "moe.shared.ffn.gate.weight": partOfRows("shared_mlp.input_linear.weight", 0),
    "moe.shared.ffn.up.weight": partOfRows("shared_mlp.input_linear.weight", 1),
    "moe.shared.ffn.down.weight": "shared_mlp.output_linear.weight",
  }),
};

const GRANITE_LAYER: Placings = {
  ...NORMS,
  ...ATTENTION,
  "moe.router.weight": "block_sparse_moe.router.layer.weight",
  "moe.experts.gate": partOfRows("block_sparse_moe.input_linear.weight", 0),
  "moe.experts.up": partOfRows("block_sparse_moe.input_linear.weight", 1),
  "moe.experts.down": "block_sparse_moe.output_linear.weight",
};

function readGranite(read: ConfigReader, shared: { width: number; gated: boolean } | undefined): Omit<ModelConfig, "family" | "source"> {
  read.ignore("init_method");
  read.only("normalization_function", "rmsnorm", "this family has RMS norms.");
  read.only("position_embedding_type", "rope", "this family has rotary positions.");
  const attention = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", false), scale: read.positive("attention_multiplier", 1) });
  const router = { name: "topK", renormalise: true };
  const feedForward = { kind: "moe", ...readExperts(read), width: read.size("intermediate_size"), router, shared } as const;
  const block: ResidualConfig = { norm: "before", keep: 1, add: read.positive("residual_multiplier", 1) };
  const scales = { embeddingScale: read.positive("embedding_multiplier", 1), logitScale: 1 / read.positive("logits_scaling", 1) };
  return { ...readDecoder(read, DEFAULTS), ...scales, layers: layersOf(read, () => ({ attention, feedForward, residual: { attention: block, feedForward: block } })) };
}
