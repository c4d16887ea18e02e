import type { ExpertAttentionConfig } from "../config/attention-config.js";
import type { ConfigReader } from "../config/config-reader.js";
import { readRope } from "../config/read-rope.js";
import { partOfRows } from "../layout/place.js";
import type { Family, Placings } from "./family.js";
import { NORMS } from "./names.js";
import { layersOf, readDecoder, readExperts } from "./shared.js";

/** transformers gives the norms of layers its default, and only the last one what the config says. */
const LAYER_NORM = { kind: "rms", eps: 1e-6 } as const;

/** JetMoE: attention has experts too. */
export const jetmoe: Family = {
  modelType: "jetmoe",
  architecture: "JetMoeForCausalLM",
  config(read) {
    read.only("activation_function", "silu", "this family uses SwiGLU.");
    readAuthorsKeys(read);
    const experts = readExperts(read, { experts: ["num_local_experts"], topK: ["num_experts_per_tok"] });
    const attention = readExpertAttention(read, experts);
    const router = { name: "topK", renormalise: true };
    const feedForward = { kind: "moe", ...experts, width: read.size("intermediate_size"), router, outputBias: true } as const;
    const decoder = readDecoder(read, { normEps: 1e-6, ropeTheta: 10000, tieEmbeddings: true });
    const auxLossCoefficient = read.nonNegative("aux_loss_coef", 0.01);
    // transformers records the routers of attention both as gates and as outputs of attention.
    return { ...decoder, norm: LAYER_NORM, lastNorm: decoder.norm, auxLossCoefficient, routerRecords: [2, 1], layers: layersOf(read, () => ({ attention, feedForward })) };
  },
  layer: () => LAYER,
};

/** Keys of the authors' own code, which say what transformers' class computes anyway. */
function readAuthorsKeys(read: ConfigReader): void {
  read.ignore("length", "num_layers");
  for (const key of ["bias", "glu"]) read.only(key, true, "the experts of this family have it.");
  read.only("rotary_percent", 1, "this family rotates all dimensions.");
}

function readExpertAttention(read: ConfigReader, experts: { numExperts: number; topK: number }): ExpertAttentionConfig {
  const [numKeyValueHeads, headDim] = [read.size("num_key_value_heads", 16), read.size("kv_channels", 128)];
  const numHeads = numKeyValueHeads * experts.topK;
  read.only("num_attention_heads", numHeads, `it must be num_key_value_heads times num_experts_per_tok, which is ${numHeads}.`);
  if (headDim % 2 !== 0) read.fail(`kv_channels must be an even number; got ${headDim}.`);
  const rope = readRope(read, { theta: 10000, maxPositions: read.size("max_position_embeddings"), headDim });
  return { kind: "experts", ...experts, numHeads, numKeyValueHeads, headDim, rotary: { ...rope, layout: "half" } };
}

const LAYER: Placings = {
  ...NORMS,
  "attention.router.weight": "self_attention.experts.router.layer.weight",
  "attention.query": "self_attention.experts.input_linear.weight",
  "attention.key.weight": partOfRows("self_attention.kv_proj.weight", 0),
  "attention.value.weight": partOfRows("self_attention.kv_proj.weight", 1),
  "attention.output": "self_attention.experts.output_linear.weight",
  "attention.bias": "self_attention.experts.bias",
  "moe.router.weight": "mlp.router.layer.weight",
  "moe.experts.gate": partOfRows("mlp.input_linear.weight", 0),
  "moe.experts.up": partOfRows("mlp.input_linear.weight", 1),
  "moe.experts.down": "mlp.output_linear.weight",
  "moe.shared.bias": "mlp.bias",
};
