import type { ConfigReader } from "../config/config-reader.js";
import { readDropout } from "../config/general-keys.js";
import type { MoeConfig } from "../config/feed-forward-config.js";
import type { Family } from "./family.js";
import { MIXTRAL_LAYER } from "./mixtral.js";
import { layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-5, ropeTheta: 1e6, auxLossCoefficient: 0.001 };

/** Phi-3.5-MoE: layer norms and a head with biases, two experts chosen by SparseMixer. */
export const phimoe: Family = {
  modelType: "phimoe",
  architecture: "PhimoeForCausalLM",
  config(read) {
    const window = read.has("sliding_window") ? read.size("sliding_window") : undefined;
    const attention = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", false), window, rope: { readsScales: true } });
    if (!["default", "longrope"].includes(attention.rotary!.rope.kind)) read.fail(`rope type ${attention.rotary!.rope.kind} is not supported; this family knows default and longrope.`);
    const feedForward = readMoe(read);
    readDropout(read, "hidden_dropout");
    const decoder = readDecoder(read, DEFAULTS);
    return { ...decoder, norm: { kind: "layer", eps: decoder.norm.eps }, headBias: read.flag("lm_head_bias", false), layers: layersOf(read, () => ({ attention, feedForward })) };
  },
  layer: () => MIXTRAL_LAYER,
};

function readMoe(read: ConfigReader): MoeConfig {
  const { numExperts, topK } = readExperts(read);
  if (topK !== 2) read.fail(`num_experts_per_tok must be 2, because SparseMixer always chooses two; got ${topK}.`);
  // Once, as the authors do; the class of transformers multiplies the same numbers again in its router.
  const inputJitter = read.nonNegative("input_jitter_noise", 0);
  return { kind: "moe", numExperts, topK, width: read.size("intermediate_size"), inputJitter, router: { name: "sparseMixer", eps: read.positive("router_jitter_noise", 0.01) } };
}
