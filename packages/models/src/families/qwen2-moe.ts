import type { ConfigReader } from "../config/config-reader.js";
import type { FeedForwardConfig, MoeConfig } from "../config/feed-forward-config.js";
import type { Family } from "./family.js";
import { STANDARD_LAYER, swigluNames } from "./names.js";
import { layersOf, readAttention, readDecoder, readExperts, readSliding, readUnusedWindow, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-6, ropeTheta: 10000, auxLossCoefficient: 0.001 };

/** Qwen2-MoE and Qwen1.5-MoE: a shared expert behind a sigmoid gate, biases on queries, keys and values, some layers dense. */
export const qwen2Moe: Family = {
  modelType: "qwen2_moe",
  architecture: "Qwen2MoeForCausalLM",
  config(read) {
    const bias = { queryKeyValue: read.flag("qkv_bias", true), output: false };
    const attention = readAttention(read, DEFAULTS, { bias });
    const shared = { width: read.size("shared_expert_intermediate_size"), gated: true };
    const router = { name: "topK", renormalise: read.flag("norm_topk_prob", false) };
    const feedForward = readSparseLayers(read, { kind: "moe", ...readExperts(read), width: read.size("moe_intermediate_size"), router, shared });
    const slides = readWindow(read);
    const at = readSliding(read, attention, slides && { ...attention, window: slides.window }, slides?.slides ?? (() => false));
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, (layer) => ({ attention: at(layer), feedForward: feedForward(layer) })) };
  },
  layer: () => ({ ...STANDARD_LAYER, ...swigluNames("moe.shared.ffn", "mlp.shared_expert"), "moe.shared.gate": "mlp.shared_expert_gate.weight" }),
};

/** Where the window is on, every other layer of the first `max_window_layers` has it. */
function readWindow(read: ConfigReader): { window: number; slides: (layer: number) => boolean } | undefined {
  const last = read.count("max_window_layers", 28);
  if (!read.flag("use_sliding_window", false)) {
    readUnusedWindow(read);
    return undefined;
  }
  return { window: read.size("sliding_window", 4096), slides: (layer) => layer % 2 === 0 && layer < last };
}

/** Experts in every `decoder_sparse_step`-th layer that `mlp_only_layers` does not name; the others are dense. */
export function readSparseLayers(read: ConfigReader, moe: MoeConfig): (layer: number) => FeedForwardConfig {
  const dense: FeedForwardConfig = { kind: "dense", width: read.size("intermediate_size") };
  const [step, denseLayers] = [read.size("decoder_sparse_step", 1), read.counts("mlp_only_layers")];
  return (layer) => (!denseLayers.includes(layer) && (layer + 1) % step === 0 ? moe : dense);
}
