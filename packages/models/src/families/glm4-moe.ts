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
export function readBiasedSigmoid(read: ConfigReader, { groups = 1, topKGroups = 1, scale = 1 } = {}): MoeConfig["router"] {
  return {
    name: "sigmoid",
    numGroups: read.size("n_group", groups),
    topKGroups: read.size("topk_group", topKGroups),
    normalise: read.flag("norm_topk_prob", true),
    routedScalingFactor: read.positive("routed_scaling_factor", scale),
  };
}

interface GroupSizes {
  readonly numGroups: number;
  readonly topKGroups: number;
}

/** Experts lie in groups of equal size, and the best groups must have enough of them. */
function checkGroups(read: ConfigReader, { numExperts, topK }: { numExperts: number; topK: number }, { numGroups, topKGroups }: GroupSizes): void {
  if (numExperts % numGroups !== 0) read.fail(`n_routed_experts ${numExperts} must be a multiple of n_group ${numGroups}.`);
  if (topKGroups > numGroups) read.fail(`topk_group ${topKGroups} must be at most n_group ${numGroups}.`);
  const within = (numExperts / numGroups) * topKGroups;
  if (topK > within) read.fail(`num_experts_per_tok ${topK} must be at most ${within}, the experts in ${topKGroups} (topk_group) of ${numGroups} (n_group) groups.`);
}

/** Experts with a shared one, and dense layers at the start; `bias` is that of the dense blocks and the shared expert. */
export function readDeepSeekLayers(read: ConfigReader, router: MoeConfig["router"], { shared: defaultShared = 1, firstDense = 1, bias = false } = {}): (layer: number) => FeedForwardConfig {
  const width = read.size("moe_intermediate_size");
  const shared = read.count("n_shared_experts", defaultShared);
  const counts = readExperts(read, { experts: ["n_routed_experts", "num_local_experts", "num_experts"], topK: ["num_experts_per_tok"] });
  checkGroups(read, counts, router as unknown as GroupSizes);
  // Without shared experts there is one of no width, as in transformers: its tensors are in files, and with biases the last of them counts.
  const moe: MoeConfig = { kind: "moe", ...counts, width, router, shared: { width: width * shared, gated: false, bias } };
  const dense = { kind: "dense", width: read.size("intermediate_size"), bias } as const;
  const first = read.count("first_k_dense_replace", firstDense);
  read.only("moe_layer_freq", 1, "all layers after the first dense ones have experts.");
  return (layer) => (layer >= first ? moe : dense);
}
