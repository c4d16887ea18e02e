/** What the families read in the same way. */
import type { ConfigReader } from "../config/config-reader.js";
import type { AttentionConfig, ModelConfig } from "../config/model-config.js";
import { readRope } from "../config/rope-config.js";

/** Defaults of a family's class in transformers, for files that leave a key out. */
export interface FamilyDefaults {
  readonly normEps: number;
  readonly ropeTheta: number;
  readonly auxLossCoefficient: number;
}

/** The keys every decoder has. */
export function readDecoder(read: ConfigReader, defaults: FamilyDefaults): Omit<ModelConfig, "family" | "source" | "layers"> {
  ignoreHarmless(read);
  read.only("hidden_act", "silu", "this family uses SwiGLU.");
  read.only("attention_dropout", 0, "dropout is not implemented.");
  return {
    vocabSize: read.size("vocab_size"),
    hiddenSize: read.size("hidden_size"),
    maxPositions: read.size("max_position_embeddings"),
    normEps: read.positive("rms_norm_eps", defaults.normEps),
    tieEmbeddings: read.flag("tie_word_embeddings", false),
    auxLossCoefficient: read.nonNegative("router_aux_loss_coef", defaults.auxLossCoefficient),
    endTokenIds: read.idOrIds("eos_token_id"),
  };
}

/** Grouped-query attention; the family adds what is its own. */
export function readAttention(read: ConfigReader, { ropeTheta }: FamilyDefaults, own: Pick<AttentionConfig, "bias" | "qkNorm" | "clip" | "window">): AttentionConfig {
  const hiddenSize = read.size("hidden_size");
  const numHeads = read.size("num_attention_heads");
  const numKeyValueHeads = read.size("num_key_value_heads", numHeads);
  if (numHeads % numKeyValueHeads !== 0) read.fail(`num_attention_heads ${numHeads} must be a multiple of num_key_value_heads ${numKeyValueHeads}.`);
  const headDim = read.size("head_dim", hiddenSize / numHeads);
  if (headDim % 2 !== 0) read.fail(`head_dim (or hidden_size / num_attention_heads) must be an even number; got ${headDim}.`);
  const rope = readRope(read, { defaultTheta: ropeTheta, maxPositions: read.size("max_position_embeddings") });
  return { numHeads, numKeyValueHeads, headDim, rope, ...own };
}

/** Experts and choices per token; older and newer files name the former differently. */
export function readExperts(read: ConfigReader): { numExperts: number; topK: number } {
  if (!read.has("num_experts") && !read.has("num_local_experts")) read.fail('"num_experts" (or "num_local_experts") is missing.');
  const numExperts = read.size("num_experts", read.size("num_local_experts", 1));
  if (read.has("num_local_experts") && read.size("num_local_experts") !== numExperts) read.fail(`num_experts is ${numExperts}, but num_local_experts is ${read.size("num_local_experts")}.`);
  const topK = read.size("num_experts_per_tok");
  if (topK > numExperts) read.fail(`num_experts_per_tok ${topK} must be at most num_experts ${numExperts}.`);
  return { numExperts, topK };
}

/** One entry per layer. */
export function layersOf<T>(read: ConfigReader, layer: (index: number) => T): T[] {
  return Array.from({ length: read.size("num_hidden_layers") }, (_, index) => layer(index));
}

/** Keys that say nothing about what the model computes. */
function ignoreHarmless(read: ConfigReader): void {
  read.ignore("model_type", "architectures", "transformers_version", "dtype", "torch_dtype", "_name_or_path", "use_cache");
  read.ignore("bos_token_id", "pad_token_id", "initializer_range", "return_dict", "chunk_size_feed_forward", "problem_type");
  read.ignore("output_router_logits", "output_attentions", "output_hidden_states", "id2label", "label2id");
  read.only("is_encoder_decoder", false, "this is a decoder.");
}
