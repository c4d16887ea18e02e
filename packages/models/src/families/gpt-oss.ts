import type { AttentionConfig, GroupedAttentionConfig } from "../config/attention-config.js";
import type { ConfigReader } from "../config/config-reader.js";
import type { MoeConfig } from "../config/feed-forward-config.js";
import { alternating, partOfColumns, transposed } from "../layout/place.js";
import type { Family, Placings } from "./family.js";
import { ATTENTION, NORMS } from "./names.js";
import { layersOf, readAttention, readDecoder, readExperts, readSliding, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-5, ropeTheta: 150000, auxLossCoefficient: 0.001 };
/** What the class takes where the file says nothing of rotary positions. */
const YARN = { kind: "yarn", factor: 32, betaFast: 32, betaSlow: 1, truncate: false, originalPositions: 4096, attentionFactor: 0.1 * Math.log(32) + 1 } as const;

/** gpt-oss: attention sinks, every other layer with a window, experts with biases and a clamped SwiGLU. */
export const gptOss: Family = {
  modelType: "gpt_oss",
  architecture: "GptOssForCausalLM",
  config(read) {
    const full = readFullAttention(read);
    const sliding = { ...full, window: read.size("sliding_window", 128) };
    const attention = readSliding<AttentionConfig>(read, full, sliding, (layer) => layer % 2 === 0);
    const feedForward = readMoe(read);
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, (layer) => ({ attention: attention(layer), feedForward })) };
  },
  layer: () => GPT_OSS_LAYER,
};

const GPT_OSS_LAYER: Placings = {
  ...NORMS,
  ...ATTENTION,
  "attention.sinks": "self_attn.sinks",
  "moe.router.weight": "mlp.router.weight",
  "moe.router.bias": "mlp.router.bias",
  "moe.experts.gate": partOfColumns("mlp.experts.gate_up_proj", 0, "alternating"),
  "moe.experts.up": partOfColumns("mlp.experts.gate_up_proj", 1, "alternating"),
  "moe.experts.gateBias": alternating("mlp.experts.gate_up_proj_bias", 0),
  "moe.experts.upBias": alternating("mlp.experts.gate_up_proj_bias", 1),
  "moe.experts.down": transposed("mlp.experts.down_proj"),
  "moe.experts.downBias": "mlp.experts.down_proj_bias",
};

function readFullAttention(read: ConfigReader): GroupedAttentionConfig {
  const attention = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", true), headDim: 64, sinks: true });
  const { rope } = attention.rotary!;
  const stretched = read.has("rope_parameters") || read.has("rope_scaling") ? rope : { ...YARN, theta: rope.theta };
  if (read.has("initial_context_length") && "originalPositions" in stretched) read.only("initial_context_length", stretched.originalPositions, "it must be the original length of the rope parameters.");
  return { ...attention, rotary: { ...attention.rotary!, rope: stretched } };
}

function readMoe(read: ConfigReader): MoeConfig {
  read.only("swiglu_limit", 7, "experts are clamped at 7.");
  const counts = readExperts(read, { experts: ["num_local_experts", "num_experts"], topK: ["num_experts_per_tok", "experts_per_token"] });
  return { kind: "moe", ...counts, width: read.size("intermediate_size"), experts: "clampedSwiglu", bias: true, router: { name: "topK", renormalise: true, bias: true } };
}
