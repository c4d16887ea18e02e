import type { Family } from "./family.js";
import { ATTENTION, expertNames, NORMS } from "./names.js";
import { layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-5, ropeTheta: 1e6, auxLossCoefficient: 0.001 };

/** Mixtral 8x7B and 8x22B: every layer has experts, chosen by softmax and renormalised. */
export const mixtral: Family = {
  modelType: "mixtral",
  architecture: "MixtralForCausalLM",
  config(read) {
    const inputJitter = read.nonNegative("router_jitter_noise", 0);
    const window = read.has("sliding_window") ? read.size("sliding_window") : undefined;
    const attention = readAttention(read, DEFAULTS, { bias: false, window });
    const width = read.size("intermediate_size");
    const moe = { kind: "moe", ...readExperts(read), width, router: { name: "topK", renormalise: true }, inputJitter } as const;
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, () => ({ attention, feedForward: moe })) };
  },
  layer: () => MIXTRAL_LAYER,
};

/** Also the names of the families that followed Mixtral. */
export const MIXTRAL_LAYER = {
  ...NORMS,
  ...ATTENTION,
  "moe.router.weight": "block_sparse_moe.gate.weight",
  ...expertNames({ gate: "block_sparse_moe.experts.{e}.w1.weight", up: "block_sparse_moe.experts.{e}.w3.weight", down: "block_sparse_moe.experts.{e}.w2.weight" }),
};
