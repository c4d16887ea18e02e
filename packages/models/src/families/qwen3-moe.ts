import type { FeedForwardConfig } from "../config/model-config.js";
import { STANDARD_MOE_NAMES, type Family } from "./family.js";
import { layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-6, ropeTheta: 10000, auxLossCoefficient: 0.001 };

/** Qwen3-MoE: queries and keys normed per head, some layers may be dense. */
export const qwen3Moe: Family = {
  modelType: "qwen3_moe",
  architecture: "Qwen3MoeForCausalLM",
  config(read) {
    // transformers reads max_window_layers nowhere in this family: the window, when on, holds in all layers.
    read.ignore("max_window_layers", "sliding_window");
    const window = read.flag("use_sliding_window", false) ? read.size("sliding_window") : undefined;
    const attention = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", false), qkNorm: "per-head", window });
    const router = { name: "topK", renormalise: read.flag("norm_topk_prob", false) };
    const moe: FeedForwardConfig = { kind: "moe", ...readExperts(read), width: read.size("moe_intermediate_size"), router };
    const dense: FeedForwardConfig = { kind: "dense", width: read.size("intermediate_size") };
    const [step, denseLayers] = [read.size("decoder_sparse_step", 1), read.counts("mlp_only_layers")];
    const isMoe = (layer: number) => !denseLayers.includes(layer) && (layer + 1) % step === 0;
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, (layer) => ({ attention, feedForward: isMoe(layer) ? moe : dense })) };
  },
  moeNames: STANDARD_MOE_NAMES,
};
