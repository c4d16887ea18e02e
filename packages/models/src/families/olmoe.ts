import type { Family } from "./family.js";
import { STANDARD_LAYER } from "./names.js";
import { layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-5, ropeTheta: 10000, auxLossCoefficient: 0.01 };

/** OLMoE: fine-grained experts, gates not renormalised, queries and keys normed over all heads together. */
export const olmoe: Family = {
  modelType: "olmoe",
  architecture: "OlmoeForCausalLM",
  config(read) {
    const clip = read.has("clip_qkv") ? read.positive("clip_qkv") : undefined;
    const attention = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", false), qkNorm: { over: "all-heads", after: "projection" }, clip });
    const decoder = readDecoder(read, DEFAULTS);
    // The norm over all heads has the model's width, so heads cannot be wider or narrower than their share of it.
    if (attention.headDim * attention.numHeads !== decoder.hiddenSize) read.fail("head_dim must be hidden_size / num_attention_heads in this family.");
    const router = { name: "topK", renormalise: read.flag("norm_topk_prob", false) };
    const moe = { kind: "moe", ...readExperts(read), width: read.size("intermediate_size"), router } as const;
    return { ...decoder, layers: layersOf(read, () => ({ attention, feedForward: moe })) };
  },
  layer: () => STANDARD_LAYER,
};
