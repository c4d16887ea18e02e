import { toAlphabet } from "./byte-alphabet.js";
import type { BpeTokenizer } from "./bpe-tokenizer.js";

/**
 * The part of Hugging Face's `tokenizer.json` that a byte-level BPE tokenizer uses.
 * @example const json: TokenizerJson = tokenizer.toJSON();
 */
export interface TokenizerJson {
  readonly version: "1.0";
  readonly truncation: null;
  readonly padding: null;
  readonly added_tokens: readonly AddedTokenJson[];
  readonly normalizer: null;
  readonly pre_tokenizer: ByteLevelJson;
  readonly post_processor: null;
  readonly decoder: ByteLevelJson;
  readonly model: BpeModelJson;
}

/**
 * A special token of a `tokenizer.json`.
 * @example const { id, content }: AddedTokenJson = tokenizer.toJSON().added_tokens[0]!;
 */
export interface AddedTokenJson {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

/**
 * The byte-level step of a `tokenizer.json`: GPT-2's pattern and byte alphabet.
 * @example const { use_regex }: ByteLevelJson = tokenizer.toJSON().pre_tokenizer;
 */
export interface ByteLevelJson {
  readonly type: "ByteLevel";
  readonly add_prefix_space: boolean;
  readonly trim_offsets: boolean;
  readonly use_regex: boolean;
}

/**
 * Vocabulary and merges of a `tokenizer.json`, written in GPT-2's byte alphabet.
 * @example const { vocab }: BpeModelJson = tokenizer.toJSON().model;
 */
export interface BpeModelJson {
  readonly type: "BPE";
  readonly dropout: null;
  readonly unk_token: null;
  readonly continuing_subword_prefix: null;
  readonly end_of_word_suffix: null;
  readonly fuse_unk: boolean;
  readonly byte_fallback: boolean;
  readonly ignore_merges: boolean;
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
}

const BYTE_LEVEL: ByteLevelJson = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
const BPE = { type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false } as const;
const SPECIAL = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };

/** The `tokenizer.json` of a tokenizer. */
export function toTokenizerJson({ specialTokens, tokenBytes, merges }: BpeTokenizer): TokenizerJson {
  const names = tokenBytes.map((bytes, id) => specialTokens[id] ?? toAlphabet(bytes));
  const vocab = Object.fromEntries(names.map((name, id) => [name, id]));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({ id, content, ...SPECIAL })),
    normalizer: null,
    pre_tokenizer: BYTE_LEVEL,
    post_processor: null,
    decoder: BYTE_LEVEL,
    model: { ...BPE, vocab, merges: merges.map(([left, right]) => [names[left]!, names[right]!] as const) },
  };
}
