import { z } from "zod";
import type { HuggingFaceConfig } from "@moekit/models";

const size = (least = 1) => z.int().min(least);

/** The short way to describe a model; becomes a `qwen3_moe` config. */
export const modelSizes = z.strictObject({
  layers: size(),
  hiddenSize: size(),
  heads: size(),
  /** Left out: as many as heads. */
  keyValueHeads: size().optional(),
  experts: size(),
  topK: size(),
  expertWidth: size(),
  /** Left out: true, one table for embedding and head. */
  tieEmbeddings: z.boolean().default(true),
});

/** Sizes of a model in our own words. */
export type ModelSizes = z.output<typeof modelSizes>;

/**
 * The Hugging Face config of {@link ModelSizes}: Qwen3-MoE, with queries and keys normed per head and gates that sum to 1
 * (as they are with one expert per token, where a gate that is always 1 would teach the router nothing).
 */
export function toHuggingFace({ layers, hiddenSize, heads, keyValueHeads = heads, experts, topK, expertWidth, tieEmbeddings }: ModelSizes): HuggingFaceConfig {
  return {
    model_type: "qwen3_moe",
    hidden_size: hiddenSize,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads,
    head_dim: hiddenSize / heads,
    num_experts: experts,
    num_experts_per_tok: topK,
    norm_topk_prob: topK > 1,
    moe_intermediate_size: expertWidth,
    // No layer is dense, but the class of transformers wants the width of one.
    intermediate_size: expertWidth * topK,
    tie_word_embeddings: tieEmbeddings,
  };
}

/** What a training run adds to a config where it is left out: vocabulary, end of text, and room for the sequences. */
export function completed(source: HuggingFaceConfig, { vocabSize, endOfText, sequenceLength }: { vocabSize: number; endOfText: number; sequenceLength: number }): HuggingFaceConfig {
  return { vocab_size: vocabSize, max_position_embeddings: sequenceLength, bos_token_id: endOfText, eos_token_id: endOfText, ...source };
}
