import type { ResidualConfig } from "../config/model-config.js";
import type { Family } from "./family.js";
import { modules, STANDARD_LAYER } from "./names.js";
import { layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-6, ropeTheta: 500000, auxLossCoefficient: 0.01 };
const AFTER: ResidualConfig = { norm: "after", keep: 1, add: 1 };

/** FlexOlmo: OLMoE's routing with norms after the blocks instead of before them. */
export const flexOlmo: Family = {
  modelType: "flex_olmo",
  architecture: "FlexOlmoForCausalLM",
  config(read) {
    const attention = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", false), qkNorm: { over: "all-heads", after: "projection" } });
    const router = { name: "topK", renormalise: read.flag("norm_topk_prob", false) };
    const feedForward = { kind: "moe", ...readExperts(read), width: read.size("intermediate_size"), router } as const;
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, () => ({ attention, feedForward, residual: { attention: AFTER, feedForward: AFTER } })) };
  },
  layer: () => ({ ...STANDARD_LAYER, ...modules({ attentionNorm: "post_attention_layernorm", feedForwardNorm: "post_feedforward_layernorm" }) }),
};
