import type { ConfigReader } from "../config/config-reader.js";
import type { FeedForwardConfig, MoeConfig } from "../config/feed-forward-config.js";
import type { Family, Placings } from "./family.js";
import { STANDARD_LAYER, swigluNames } from "./names.js";
import { layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-5, ropeTheta: 10000 };

/** GLM-4.5 and Air: sigmoid scores with a selection bias, a shared expert, half of each head turned, the first layers dense. */
export const glm4Moe: Family = {
  modelType: "glm4_moe",
  architecture: "Glm4MoeForCausalLM",
  config(read) {
    const qkNorm = read.flag("use_qk_norm", false) ? ({ over: "head", after: "projection" } as const) : undefined;
    const bias = { queryKeyValue: read.flag("attention_bias", false), output: false };
    const attention = readAttention(read, DEFAULTS, { bias, qkNorm, rope: { partial: 0.5, readsPartial: true } });
    const feedForward = readDeepSeekLayers(read, readBiasedSigmoid(read));
    read.ignore("num_nextn_predict_layers", "num_mtp_layers");
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, (layer) => ({ attention, feedForward: feedForward(layer) })) };
  },
  layer: () => ({ ...STANDARD_LAYER, ...BIASED_ROUTER, ...SHARED_EXPERTS }),
  unused: isBeyondLastLayer,
};

/** The router of DeepSeek-V3 and GLM-4.5. */
export const BIASED_ROUTER: Placings = { "moe.router.weight": "mlp.gate.weight", "moe.router.expertBias": "mlp.gate.e_score_correction_bias" };

/** The shared expert of DeepSeek, GLM and ERNIE. */
export const SHARED_EXPERTS: Placings = swigluNames("moe.shared.ffn", "mlp.shared_experts");

/** Layers after the last are modules that predict further tokens, which the model itself does not compute with. */
export function isBeyondLastLayer(name: string, { layers }: { readonly layers: readonly unknown[] }): boolean {
  const [, layer] = /^model\.layers\.(\d+)\./.exec(name) ?? [];
  return layer !== undefined && Number(layer) >= layers.length;
}

/** Sigmoid scores, selection bias, groups. */
export function readBiasedSigmoid(read: ConfigReader): MoeConfig["router"] {
  return {
    name: "sigmoid",
    numGroups: read.size("n_group", 1),
    topKGroups: read.size("topk_group", 1),
    normalise: read.flag("norm_topk_prob", true),
    routedScalingFactor: read.positive("routed_scaling_factor", 1),
  };
}

/** Experts with a shared one, and dense layers at the start. */
export function readDeepSeekLayers(read: ConfigReader, router: MoeConfig["router"]): (layer: number) => FeedForwardConfig {
  const width = read.size("moe_intermediate_size");
  const shared = read.count("n_shared_experts", 1);
  const counts = readExperts(read, { experts: ["n_routed_experts", "num_local_experts"], topK: ["num_experts_per_tok"] });
  const moe: MoeConfig = { kind: "moe", ...counts, width, router, shared: shared > 0 ? { width: width * shared, gated: false } : undefined };
  const dense = { kind: "dense", width: read.size("intermediate_size") } as const;
  const first = read.count("first_k_dense_replace", 1);
  return (layer) => (layer < first ? dense : moe);
}
