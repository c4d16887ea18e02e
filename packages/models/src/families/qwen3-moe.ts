import type { Family } from "./family.js";
import { STANDARD_LAYER } from "./names.js";
import { readSparseLayers } from "./qwen2-moe.js";
import { layersOf, readAttention, readDecoder, readExperts, readUnusedWindow, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-6, ropeTheta: 10000, auxLossCoefficient: 0.001 };

/** Qwen3-MoE: queries and keys normed per head, some layers may be dense. */
export const qwen3Moe: Family = {
  modelType: "qwen3_moe",
  architecture: "Qwen3MoeForCausalLM",
  config(read) {
    // transformers reads max_window_layers nowhere in this family: the window, when on, holds in all layers.
    read.count("max_window_layers", 0);
    const slides = read.flag("use_sliding_window", false);
    if (!slides) readUnusedWindow(read);
    const window = slides ? read.size("sliding_window") : undefined;
    const attention = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", false), qkNorm: { over: "head", after: "projection" }, window });
    const router = { name: "topK", renormalise: read.flag("norm_topk_prob", false) };
    const moe = { kind: "moe", ...readExperts(read), width: read.size("moe_intermediate_size"), router } as const;
    const feedForward = readSparseLayers(read, moe);
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, (layer) => ({ attention, feedForward: feedForward(layer) })) };
  },
  layer: () => STANDARD_LAYER,
};
