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
    read.ignore("eod_token_id");
    readAuthorsKeys(read);
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

/** Keys of the authors' own code: settings that transformers' class does not have must be those that it computes with. */
function readAuthorsKeys(read: ConfigReader): void {
  read.ignore("im_start_id", "im_end_id", "pad_id", "text_start_id", "text_end_id", "org_vocab_size", "dense_list", "class_num", "pool_type", "cla_share_factor", "position_embedding_xdrope");
  read.ignore("moe_drop_tokens", "moe_random_routing_dropped_token", "enable_lm_head_fp32", "skip_cls_token", "mask_init_id", "kv_lora_rank", "q_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "n_group", "topk_group");
  read.ignore("im_newline_id", "image_token_id", "video_start_id", "video_end_id", "num_media_embeds", "max_image_size", "max_vit_seq_len", "anyres_pooling_size", "anyres_vit_max_image_size", "anyres_vit_two_views", "xdrope_section");
  read.ignore(...["path", "type", "input_resolution", "token", "patch", "mapping_type", "norm_type", "used_rms_norm", "remove_prenorm", "add_patchemb_bias"].map((key) => `vit_${key}`));
  const why = "transformers has no such HunYuan.";
  for (const key of ["use_cla", "use_mla", "group_limited_greedy", "mlp_bias", "add_classification_head"]) read.only(key, false, why);
  for (const key of ["use_qk_norm", "use_rotary_pos_emb", "use_mixed_mlp_moe", "norm_topk_prob"]) read.only(key, true, why);
  read.only("norm_type", "rms", why);
  read.only("routed_scaling_factor", 1, why);
  read.only("moe_layer_num_skipped", 0, why);
  read.onlyEach("num_shared_expert", 1, why);
  read.onlyEach("moe_intermediate_size", read.size("intermediate_size"), why);
  if (read.has("attention_head_dim")) read.only("attention_head_dim", read.size("head_dim"), why);
}

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
