import type { ConfigReader } from "../config/config-reader.js";
import type { FeedForwardConfig } from "../config/feed-forward-config.js";
import { reshaped } from "../layout/place.js";
import type { Family } from "./family.js";
import { SHARED_EXPERTS } from "./glm4-moe.js";
import { STANDARD_LAYER } from "./names.js";
import { layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-5, ropeTheta: 500000, auxLossCoefficient: 0.001, tieEmbeddings: true };

/** ERNIE 4.5 MoE: softmax scores with a selection bias, shared experts, neighbouring dimensions turned. */
export const ernie45Moe: Family = {
  modelType: "ernie4_5_moe",
  architecture: "Ernie4_5_MoeForCausalLM",
  config(read) {
    // Of the authors' training code; the bias of the choice is in the file whatever they say.
    read.ignore("moe_capacity", "moe_use_aux_free", "num_nextn_predict_layers");
    read.only("moe_gate", "topk", "experts are chosen by top-k.");
    read.only("moe_gate_act", "softmax", "experts are scored by a softmax.");
    read.only("moe_norm_gate_logits", true, "the weights of the chosen experts are normalised.");
    const bias = read.flag("use_bias", false);
    const attention = readAttention(read, DEFAULTS, { bias, layout: "interleaved" });
    const feedForward = readLayers(read, bias);
    return { ...readDecoder(read, DEFAULTS), headBias: bias, layers: layersOf(read, (layer) => ({ attention, feedForward: feedForward(layer) })) };
  },
  // Modules that predict further tokens.
  unused: (name) => name.includes("mtp"),
  layer: () => ({ ...STANDARD_LAYER, ...SHARED_EXPERTS, "moe.router.expertBias": reshaped("mlp.moe_statics.e_score_correction_bias", ([experts]) => [1, experts!]) }),
};

function readLayers(read: ConfigReader, bias: boolean): (layer: number) => FeedForwardConfig {
  const width = read.size("moe_intermediate_size");
  const count = read.count("moe_num_shared_experts", 2);
  const shared = count > 0 ? { width: width * count, gated: false, bias } : undefined;
  const counts = readExperts(read, { experts: ["moe_num_experts", "num_experts"], topK: ["moe_k", "num_experts_per_tok"] });
  const router = { name: "biasedTopK", normFloor: read.positive("moe_norm_min", 1e-12) };
  const [first, step, layers] = [read.count("moe_layer_start_index", 1), read.size("moe_layer_interval", 1), read.size("num_hidden_layers")];
  const last = read.isMinusOne("moe_layer_end_index") ? layers - 1 : read.count("moe_layer_end_index", layers - 1);
  const dense = { kind: "dense", width: read.size("intermediate_size"), bias } as const;
  return (layer) => ((layer + 1) % step === 0 && layer >= first && layer <= last ? { kind: "moe", ...counts, width, router, shared } : dense);
}
