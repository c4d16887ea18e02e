import type { Family } from "./family.js";
import { STANDARD_LAYER } from "./names.js";
import { checkEqualShares, layersOf, readAttention, readDecoder, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-6, ropeTheta: 10000 };

/** Llama 2 and 3: dense. */
export const llama: Family = {
  modelType: "llama",
  architecture: "LlamaForCausalLM",
  config(read) {
    checkEqualShares(read);
    const attention = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", false) });
    const dense = { kind: "dense", width: read.size("intermediate_size"), bias: read.flag("mlp_bias", false) } as const;
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, () => ({ attention, feedForward: dense })) };
  },
  layer: () => STANDARD_LAYER,
};
