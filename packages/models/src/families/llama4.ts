import type { AttentionConfig, GroupedAttentionConfig } from "../config/attention-config.js";
import type { ConfigReader } from "../config/config-reader.js";
import type { FeedForwardConfig, MoeConfig } from "../config/feed-forward-config.js";
import type { ModelConfig } from "../config/model-config.js";
import { partOfColumns, transposed } from "../layout/place.js";
import type { Family, Placings } from "./family.js";
import { ATTENTION, modules, NORMS, swigluNames } from "./names.js";
import { ignoreHarmless, layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-5, ropeTheta: 500000 };

/** Llama 4, text only: layers in chunks with positions, layers over everything without; gates on the experts' input. */
export const llama4Text: Family = {
  modelType: "llama4_text",
  architecture: "Llama4ForCausalLM",
  config: readText,
  layer: () => LLAMA4_LAYER,
};

/** Llama 4 with images, of which only the text part is loaded. */
export const llama4: Family = {
  modelType: "llama4",
  architecture: "Llama4ForConditionalGeneration",
  config(read) {
    ignoreHarmless(read);
    read.ignore("vision_config", "boi_token_index", "eoi_token_index", "image_token_index", "boi_token_id", "eoi_token_id", "image_token_id", "eos_token_id", "pad_token_id");
    const text = read.object("text_config");
    const config = readText(text);
    if (read.has("tie_word_embeddings") && read.flag("tie_word_embeddings", false) !== config.tieEmbeddings) read.fail("tie_word_embeddings contradicts that of text_config.");
    text.finish();
    return config;
  },
  layer: () => LLAMA4_LAYER,
  layerPrefix: "language_model.model.layers.{i}",
  outside: modules({ embedding: "language_model.model.embed_tokens", norm: "language_model.model.norm", head: "language_model.lm_head" }),
  unused: (name) => /^(vision_model|multi_modal_projector)\./.test(name),
};

const LLAMA4_LAYER: Placings = {
  ...NORMS,
  ...ATTENTION,
  ...swigluNames("dense", "feed_forward"),
  ...swigluNames("moe.shared.ffn", "feed_forward.shared_expert"),
  "moe.router.weight": "feed_forward.router.weight",
  "moe.experts.gate": partOfColumns("feed_forward.experts.gate_up_proj", 0, "halves"),
  "moe.experts.up": partOfColumns("feed_forward.experts.gate_up_proj", 1, "halves"),
  "moe.experts.down": transposed("feed_forward.experts.down_proj"),
};

function readText(read: ConfigReader): Omit<ModelConfig, "family" | "source"> {
  read.ignore("for_llm_compressor");
  // transformers computes with neither of them here.
  for (const key of ["router_aux_loss_coef", "router_jitter_noise"]) read.nonNegative(key, 0);
  const [attention, feedForward] = [readLayerAttention(read), readFeedForward(read)];
  return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, (layer) => ({ attention: attention(layer), feedForward: feedForward(layer) })) };
}

/** Whether a layer turns its heads and whether it attends in chunks are two questions; by default the same layers do both. */
function readLayerAttention(read: ConfigReader): (layer: number) => AttentionConfig {
  const withPositions = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", false), headDim: 128, layout: "interleaved" });
  const qkNorm = read.flag("use_qk_norm", true) ? ({ over: "head", after: "rotary", weighted: false } as const) : undefined;
  const scale = { scale: read.nonNegative("attn_scale", 0.1), every: read.positive("floor_scale", 8192) };
  const temperature = read.flagOrNumber("attn_temperature_tuning", true) ? scale : undefined;
  const turning: GroupedAttentionConfig = { ...withPositions, qkNorm };
  const { rotary: _, ...plain } = withPositions;
  if (read.isNull("attention_chunk_size")) read.fail("attention_chunk_size is null; it must be a whole number of at least 1, because layers attend in chunks.");
  const [turns, chunk] = [readTurning(read), read.size("attention_chunk_size", 8192)];
  const types = read.words("layer_types", read.size("num_hidden_layers"), ["full_attention", "chunked_attention"]);
  return (layer) => {
    const attention = turns(layer) ? turning : { ...plain, temperature };
    const inChunks = types ? types[layer] === "chunked_attention" : turns(layer);
    return inChunks ? { ...attention, chunk } : attention;
  };
}

/** Layers with rotary positions: 1 in `no_rope_layers`, or all but each `no_rope_layer_interval`-th. */
function readTurning(read: ConfigReader): (layer: number) => boolean {
  const [flags, interval, numLayers] = [read.counts("no_rope_layers"), read.size("no_rope_layer_interval", 4), read.size("num_hidden_layers")];
  if (flags.length === 0) return (layer) => (layer + 1) % interval !== 0;
  if (flags.length < numLayers || flags.some((flag) => flag > 1)) read.fail(`"no_rope_layers" must have a 0 or 1 for each of ${numLayers} layers; got ${JSON.stringify(flags)}.`);
  return (layer) => flags[layer] === 1;
}

function readFeedForward(read: ConfigReader): (layer: number) => FeedForwardConfig {
  const width = read.size("intermediate_size");
  const moe: MoeConfig = { kind: "moe", ...readExperts(read), width, router: { name: "sigmoidTopK" }, gatesOn: "input", shared: { width, gated: false } };
  const step = read.size("interleave_moe_layer_step", 1);
  const listed = read.has("moe_layers") ? read.counts("moe_layers") : undefined;
  const hasExperts = (layer: number) => (listed ? listed.includes(layer) : (layer + 1) % step === 0);
  const dense = { kind: "dense", width: read.size("intermediate_size_mlp", 16384) } as const;
  return (layer) => (hasExperts(layer) ? moe : dense);
}
