/** Multi-head latent attention as DeepSeek's files describe it. */
import type { LatentAttentionConfig } from "../config/attention-config.js";
import type { ConfigReader } from "../config/config-reader.js";
import { readRope, yarnScale } from "../config/read-rope.js";
import type { RopeConfig } from "../config/rope-config.js";
import type { LayerConfig } from "../config/model-config.js";
import { partOfGroups } from "../layout/place.js";
import type { Placings } from "./family.js";
import { modules } from "./names.js";

/** Keys of latent attention. `layout` says how the dimensions with positions turn. */
export function readLatentAttention(read: ConfigReader, layout: "half" | "interleaved"): LatentAttentionConfig {
  const numHeads = read.size("num_attention_heads");
  const queryRank = read.isNull("q_lora_rank") ? undefined : read.size("q_lora_rank", 1536);
  const [contentDim, rotaryDim] = [read.size("qk_nope_head_dim", 128), read.size("qk_rope_head_dim", 64)];
  if (rotaryDim % 2 !== 0) read.fail(`qk_rope_head_dim must be an even number; got ${rotaryDim}.`);
  read.only("num_key_value_heads", numHeads, `all ${numHeads} heads have keys of their own.`);
  read.only("qk_head_dim", contentDim + rotaryDim, `qk_nope_head_dim + qk_rope_head_dim is ${contentDim + rotaryDim}.`);
  read.only("head_dim", rotaryDim, `here it is what turns, and qk_rope_head_dim is ${rotaryDim}.`);
  const { rope, dim } = readRope(read, { theta: 10000, maxPositions: read.size("max_position_embeddings"), headDim: rotaryDim });
  return {
    kind: "latent",
    numHeads,
    queryRank,
    latentRank: read.size("kv_lora_rank", 512),
    contentDim,
    valueDim: read.size("v_head_dim", 128),
    bias: read.flag("attention_bias", false),
    scale: (contentDim + rotaryDim) ** -0.5 * sharpening(read, rope),
    rotary: { rope, dim, layout },
  };
}

/** With YaRN, `getm(factor, mscale_all_dim)^2` of the scores. */
function sharpening(read: ConfigReader, rope: RopeConfig): number {
  if (rope.kind !== "yarn") return 1;
  const allDim = read.object(read.has("rope_scaling") ? "rope_scaling" : "rope_parameters").nonNegative("mscale_all_dim", 0);
  return yarnScale(rope.factor, allDim) ** 2;
}

/** Where the parameters of a layer's latent attention lie. The rows of a head in `kv_b_proj` are those of its keys, then those of its values. */
export function latentNames({ attention }: LayerConfig): Placings {
  const { queryRank, contentDim, valueDim } = attention as LatentAttentionConfig;
  const up = (from: number) => partOfGroups("self_attn.kv_b_proj.weight", from, contentDim + valueDim);
  return {
    ...modules({
      "attention.queryDown": "self_attn.q_a_proj",
      "attention.queryNorm": "self_attn.q_a_layernorm",
      "attention.query": queryRank === undefined ? "self_attn.q_proj" : "self_attn.q_b_proj",
      "attention.latent": "self_attn.kv_a_proj_with_mqa",
      "attention.latentNorm": "self_attn.kv_a_layernorm",
      "attention.output": "self_attn.o_proj",
    }),
    "attention.keyUp": up(0),
    "attention.valueUp": up(contentDim),
  };
}
