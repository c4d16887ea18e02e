/** What the families read in the same way. */
import type { AttentionConfig, GroupedAttentionConfig } from "../config/attention-config.js";
import type { ConfigReader } from "../config/config-reader.js";
import type { ModelConfig } from "../config/model-config.js";
import { ignoreGeneralKeys, readDropout } from "../config/general-keys.js";
import { readRope, type RopeDefaults } from "../config/read-rope.js";

/** Defaults of a family's class in transformers, for files that leave a key out. */
export interface FamilyDefaults {
  readonly normEps: number;
  readonly ropeTheta: number;
  /** Left out where the family trains without a load-balancing loss. */
  readonly auxLossCoefficient?: number;
  /** @defaultValue false */
  readonly tieEmbeddings?: boolean;
}

/** The keys every decoder has. */
export function readDecoder(read: ConfigReader, { normEps, auxLossCoefficient, tieEmbeddings = false }: FamilyDefaults): Omit<ModelConfig, "family" | "source" | "layers"> {
  ignoreHarmless(read);
  read.only("hidden_act", "silu", "this family uses SwiGLU.");
  readDropout(read, "attention_dropout");
  const vocabSize = read.size("vocab_size");
  return {
    vocabSize,
    hiddenSize: read.size("hidden_size"),
    maxPositions: read.size("max_position_embeddings"),
    norm: { kind: "rms", eps: read.positive("rms_norm_eps", normEps) },
    tieEmbeddings: read.flag("tie_word_embeddings", tieEmbeddings),
    auxLossCoefficient: auxLossCoefficient === undefined ? 0 : read.nonNegative("router_aux_loss_coef", auxLossCoefficient),
    padTokenId: readPadding(read, vocabSize),
    endTokenIds: read.idOrIds("eos_token_id"),
  };
}

/** Of the vocabulary; as in torch, a negative number counts from its end. */
function readPadding(read: ConfigReader, vocabSize: number): number | undefined {
  if (!read.has("pad_token_id")) return undefined;
  const id = read.integer("pad_token_id");
  if (id < -vocabSize || id >= vocabSize) read.fail(`pad_token_id ${id} must be below vocab_size ${vocabSize}.`);
  return id < 0 ? vocabSize + id : id;
}

/** Head counts and width of grouped-query attention. */
export function readHeads(read: ConfigReader, defaultHeadDim?: number): Pick<GroupedAttentionConfig, "numHeads" | "numKeyValueHeads" | "headDim"> {
  const hiddenSize = read.size("hidden_size");
  const numHeads = read.size("num_attention_heads");
  const numKeyValueHeads = read.size("num_key_value_heads", numHeads);
  if (numHeads % numKeyValueHeads !== 0) read.fail(`num_attention_heads ${numHeads} must be a multiple of num_key_value_heads ${numKeyValueHeads}.`);
  const share = Math.floor(hiddenSize / numHeads);
  const headDim = read.isNull("head_dim") ? share : read.size("head_dim", defaultHeadDim ?? share);
  if (headDim === 0) read.fail(`num_attention_heads ${numHeads} must be at most hidden_size ${hiddenSize} where there is no head_dim.`);
  return { numHeads, numKeyValueHeads, headDim };
}

/** Refuses a width of which heads would not have equal shares, as a few classes of transformers do, even where heads have a width of their own. */
export function checkEqualShares(read: ConfigReader): void {
  const [hiddenSize, numHeads] = [read.size("hidden_size"), read.size("num_attention_heads")];
  if (hiddenSize % numHeads !== 0) read.fail(`hidden_size ${hiddenSize} must be a multiple of num_attention_heads ${numHeads}.`);
}

/** What a family adds to {@link readAttention}. */
export type OwnAttention = Partial<Omit<GroupedAttentionConfig, "bias" | "rotary" | "headDim">> & {
  /** Where the file gives none. @defaultValue hidden_size / num_attention_heads */
  readonly headDim?: number;
  readonly bias: boolean | GroupedAttentionConfig["bias"];
  readonly layout?: "half" | "interleaved";
  readonly rope?: Partial<RopeDefaults>;
};

/** Grouped-query attention with rotary positions; the family adds what is its own. */
export function readAttention(read: ConfigReader, { ropeTheta }: FamilyDefaults, { bias, layout = "half", rope, headDim, ...own }: OwnAttention): GroupedAttentionConfig {
  const heads = readHeads(read, headDim);
  const turned = readRope(read, { theta: ropeTheta, maxPositions: read.size("max_position_embeddings"), headDim: heads.headDim, ...rope });
  const biases = typeof bias === "boolean" ? { queryKeyValue: bias, output: bias } : bias;
  return { kind: "grouped", ...heads, bias: biases, rotary: { ...turned, layout }, ...own };
}

/** Experts and choices per token; older and newer files name the former differently. */
export function readExperts(read: ConfigReader, keys: { readonly experts: readonly string[]; readonly topK: readonly string[] } = { experts: ["num_experts", "num_local_experts"], topK: ["num_experts_per_tok"] }): { numExperts: number; topK: number } {
  const numExperts = readEither(read, keys.experts);
  const topK = readEither(read, keys.topK);
  if (topK > numExperts) read.fail(`${keys.topK[0]} ${topK} must be at most ${keys.experts[0]} ${numExperts}.`);
  return { numExperts, topK };
}

/** A size that has several names; those given must agree. */
function readEither(read: ConfigReader, keys: readonly string[]): number {
  const given = keys.filter((key) => read.has(key));
  if (given.length === 0) return read.fail(`"${keys[0]}"${keys.length > 1 ? ` (or "${keys.slice(1).join('", "')}")` : ""} is missing.`);
  const [first, ...others] = given.map((key) => read.size(key));
  const other = others.findIndex((size) => size !== first);
  if (other >= 0) read.fail(`${given[0]} is ${first}, but ${given[other + 1]} is ${others[other]}.`);
  return first!;
}

/** One entry per layer. */
export function layersOf<T>(read: ConfigReader, layer: (index: number) => T): T[] {
  return Array.from({ length: read.size("num_hidden_layers") }, (_, index) => layer(index));
}

/**
 * The attention of each layer where some layers have a sliding window: as `layer_types` says or, where it is left out, as
 * `slides` does.
 */
export function readSliding<T extends AttentionConfig>(read: ConfigReader, full: T, sliding: T | undefined, slides: (layer: number) => boolean): (layer: number) => T {
  const types = read.words("layer_types", read.size("num_hidden_layers"), ["full_attention", "sliding_attention"]);
  if (types?.includes("sliding_attention") && !sliding) read.fail('layer_types has "sliding_attention", but there is no sliding_window in use.');
  return (layer) => ((types ? types[layer] === "sliding_attention" : slides(layer)) && sliding ? sliding : full);
}

/** Keys of the window of families that have a switch for it, where the switch is off: any width will do, and so will none. */
export function readUnusedWindow(read: ConfigReader): void {
  read.count("sliding_window", 0);
}

/** Keys that say nothing about what the model computes. */
export function ignoreHarmless(read: ConfigReader): void {
  read.ignore("model_type", "architectures", "use_cache", "bos_token_id", "initializer_range", "output_router_logits", "pretraining_tp");
  ignoreGeneralKeys(read);
  read.only("is_encoder_decoder", false, "this is a decoder.");
  read.only("add_cross_attention", false, "this is a decoder.");
}
