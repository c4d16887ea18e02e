import type { ConfigReader } from "./config-reader.js";

/** Where a file comes from and in which precision it is: the files themselves say the latter. */
const ORIGIN = ["transformers_version", "dtype", "torch_dtype", "_name_or_path", "name_or_path", "_commit_hash", "auto_map", "tokenizer_class", "finetuning_task"];

/** Which of several programs computes the same. */
const IMPLEMENTATION = [
  "_attn_implementation", "_attn_implementation_internal", "_attn_implementation_autoset", "attn_implementation", "_experts_implementation", "_experts_implementation_internal",
  "experts_implementation", "cache_implementation", "chunk_size_feed_forward", "torchscript", "tf_legacy_loss", "use_bfloat16",
];

/** What classes of transformers return, and what heads of classifiers need. */
const OUTPUTS = ["return_dict", "output_attentions", "_output_attentions", "output_hidden_states", "id2label", "label2id", "num_labels", "problem_type", "is_decoder", "prefix", "task_specific_params"];

/** Settings of generation, which transformers 4 wrote into `config.json` and transformers 5 reads past. */
const GENERATION = [
  "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p", "repetition_penalty",
  "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "output_scores", "return_dict_in_generate", "forced_bos_token_id",
  "forced_eos_token_id", "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens", "epsilon_cutoff", "eta_cutoff", "encoder_repetition_penalty",
];

const ENCODER_DECODERS = ["sep_token_id", "decoder_start_token_id", "cross_attention_hidden_size", "tie_encoder_decoder", "pruned_heads"];

/** Keys that any config.json may have, as old and new versions of transformers write them, and that change nothing in what the model computes. */
export const GENERAL_KEYS: readonly string[] = [...ORIGIN, ...IMPLEMENTATION, ...OUTPUTS, ...GENERATION, ...ENCODER_DECODERS];

/** Takes {@link GENERAL_KEYS}. */
export function ignoreGeneralKeys(read: ConfigReader): void {
  read.ignore(...GENERAL_KEYS);
}

/** Rates of dropout change only training, and training here is without: they are checked, and not used. */
export function readDropout(read: ConfigReader, ...keys: readonly string[]): void {
  for (const key of keys) read.rate(key, 0);
}
