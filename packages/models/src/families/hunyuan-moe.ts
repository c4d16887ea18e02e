import type { ConfigReader } from "../config/config-reader.js";
import type { Family } from "./family.js";
import { modules, STANDARD_LAYER, swigluNames } from "./names.js";
import { layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-5, ropeTheta: 10000 };

/** HunYuan MoE: heads normed after they are turned, a shared expert as wide as the others. */
export const hunyuanMoe: Family = {
  modelType: "hunyuan_v1_moe",
  architecture: "HunYuanMoEV1ForCausalLM",
  config(read) {
    read.ignore("eod_token_id", "sep_token_id");
    const attention = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", false), qkNorm: { over: "head", after: "rotary" }, rope: { readsAlpha: true } });
    const width = read.size("intermediate_size");
    const moe = { kind: "moe", width, router: { name: "topK", renormalise: true }, shared: { width, gated: false } } as const;
    const counts = readCounts(read);
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, (layer) => ({ attention, feedForward: { ...moe, ...counts(layer) } })) };
  },
  layer: () => ({
    ...STANDARD_LAYER,
    ...modules({ "attention.queryNorm": "self_attn.query_layernorm", "attention.keyNorm": "self_attn.key_layernorm" }),
    "moe.router.weight": "mlp.gate.wg.weight",
    ...swigluNames("moe.shared.ffn", "mlp.shared_mlp"),
  }),
};

/** Experts per token may differ from layer to layer. */
function readCounts(read: ConfigReader): (layer: number) => { numExperts: number; topK: number } {
  const keys = { experts: ["num_experts", "num_local_experts"], topK: ["moe_topk", "num_experts_per_tok"] };
  if (!read.isList("moe_topk")) {
    const counts = readExperts(read, keys);
    return () => counts;
  }
  const topKs = read.counts("moe_topk");
  const layers = read.size("num_hidden_layers");
  const { numExperts } = readExperts(read, { experts: keys.experts, topK: keys.experts });
  if (topKs.length !== layers || topKs.some((topK) => topK < 1 || topK > numExperts)) read.fail(`moe_topk must have ${layers} entries from 1 to ${numExperts}; got ${JSON.stringify(topKs)}.`);
  return (layer) => ({ numExperts, topK: topKs[layer]! });
}
