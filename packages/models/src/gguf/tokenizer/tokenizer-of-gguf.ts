import { CheckpointError, UnknownNameError } from "@moekit/core";
import { createTokenizer, type TextTokenizer, type TokenizerFiles } from "../../tokenizer/tokenizer.js";
import type { GgufMetadata } from "../metadata.js";
import { PRE_TOKENIZERS } from "./pre-tokenizers.js";
import { sentencePieceMerges } from "./sentencepiece-merges.js";

/** Kinds of token, as SentencePiece numbers them. */
const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED] = [1, 2, 3, 4];
/** SentencePiece writes spaces as this. */
const SPACE = "\u2581";

/**
 * The tokenizer in a GGUF file: byte-level BPE (`gpt2`) or SentencePiece (`llama`); undefined if the file has none.
 * @throws CheckpointError if it is damaged or of another kind; UnknownNameError for a pre-tokenizer that is not known.
 * @example const ids = tokenizerOfGguf(file.metadata)?.encode("Hello");
 */
export function tokenizerOfGguf(metadata: GgufMetadata): TextTokenizer | undefined {
  const files = tokenizerFilesOfGguf(metadata);
  return files && createTokenizer(files.json, files.config);
}

/** As {@link tokenizerOfGguf}, but as the content of `tokenizer.json` and `tokenizer_config.json`. @example tokenizerFilesOfGguf(file.metadata)?.config.chat_template; */
export function tokenizerFilesOfGguf(metadata: GgufMetadata): TokenizerFiles | undefined {
  const model = metadata.text("tokenizer.ggml.model", "none");
  if (model === "none" || model === "no_vocab") return undefined;
  if (model !== "gpt2" && model !== "llama") throw new CheckpointError(`tokenizerOfGguf: the tokenizer is of the kind "${model}"; gpt2 (byte-level BPE) and llama (SentencePiece) can be read.`);
  const vocabulary = readVocabulary(metadata);
  const own = model === "gpt2" ? byteLevelBpe(metadata, vocabulary) : sentencePiece(metadata, vocabulary);
  const ends = specialIds(metadata, vocabulary.tokens, own.addBos);
  const json = { version: "1.0", truncation: null, padding: null, added_tokens: addedTokens(vocabulary), post_processor: postProcessor(ends), ...own.json };
  return { json, config: { ...ends.named, ...chatTemplate(metadata), clean_up_tokenization_spaces: false } };
}

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly kinds: readonly number[];
  readonly ids: ReadonlyMap<string, number>;
}

function readVocabulary(metadata: GgufMetadata): Vocabulary {
  const tokens = metadata.texts("tokenizer.ggml.tokens");
  const kinds = metadata.numbers("tokenizer.ggml.token_type", tokens.map(() => NORMAL!));
  if (kinds.length !== tokens.length) throw new CheckpointError(`tokenizerOfGguf: there are ${tokens.length} tokens, but ${kinds.length} kinds of token.`);
  const ids = new Map<string, number>();
  // Of two tokens with the same text the first is the one that texts turn into.
  tokens.forEach((token, id) => void (ids.has(token) || ids.set(token, id)));
  return { tokens, kinds, ids };
}

interface Own {
  readonly json: Readonly<Record<string, unknown>>;
  /** Whether texts begin with the first token where the file says nothing. */
  readonly addBos: boolean;
}

function byteLevelBpe(metadata: GgufMetadata, { ids }: Vocabulary): Own {
  const name = metadata.text("tokenizer.ggml.pre", "gpt-2");
  if (!Object.hasOwn(PRE_TOKENIZERS, name)) throw new UnknownNameError({ in: "tokenizerOfGguf: tokenizer.ggml.pre", name, known: Object.keys(PRE_TOKENIZERS) });
  const { patterns, ignoreMerges = false, compose = false, addBos = false } = PRE_TOKENIZERS[name]!;
  const splits = patterns.map((Regex) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false }));
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  const json = {
    normalizer: compose ? { type: "NFC" } : null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [...splits, bytes] },
    decoder: bytes,
    model: { type: "BPE", vocab: Object.fromEntries(ids), merges: readMerges(metadata), ignore_merges: ignoreMerges, unk_token: null, fuse_unk: false, byte_fallback: false },
  };
  return { json, addBos };
}

/** Two parts of a merge are apart by the space that is not part of them: a space inside a token is written as another letter. */
function readMerges(metadata: GgufMetadata): [string, string][] {
  return metadata.texts("tokenizer.ggml.merges").map((merge) => {
    const cut = merge.indexOf(" ", 1);
    if (cut < 0) throw new CheckpointError(`tokenizerOfGguf: the merge ${JSON.stringify(merge)} must be two tokens with a space between.`);
    return [merge.slice(0, cut), merge.slice(cut + 1)];
  });
}

function sentencePiece(metadata: GgufMetadata, { tokens, kinds, ids }: Vocabulary): Own {
  const scores = metadata.numbers("tokenizer.ggml.scores");
  if (scores.length !== tokens.length) throw new CheckpointError(`tokenizerOfGguf: there are ${tokens.length} tokens, but ${scores.length} scores.`);
  const normal = new Map([...ids].filter(([, id]) => kinds[id] === NORMAL));
  const prefix = metadata.flag("tokenizer.ggml.add_space_prefix", true) ? [{ type: "Prepend", prepend: SPACE }] : [];
  const unstrip = prefix.length > 0 ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : [];
  const unknown = kinds.indexOf(UNKNOWN!);
  const json = {
    normalizer: { type: "Sequence", normalizers: [...prefix, { type: "Replace", pattern: { String: " " }, content: SPACE }] },
    pre_tokenizer: null,
    decoder: { type: "Sequence", decoders: [{ type: "Replace", pattern: { String: SPACE }, content: " " }, { type: "ByteFallback" }, { type: "Fuse" }, ...unstrip] },
    model: { type: "BPE", vocab: Object.fromEntries(ids), merges: sentencePieceMerges(normal, scores), unk_token: tokens[unknown] ?? null, fuse_unk: true, byte_fallback: true, ignore_merges: false },
  };
  return { json, addBos: true };
}

function addedTokens({ tokens, kinds }: Vocabulary): object[] {
  const all = tokens.map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: kinds[id] !== USER_DEFINED }));
  return all.filter(({ id }) => [UNKNOWN, CONTROL, USER_DEFINED].includes(kinds[id]!));
}

interface Ends {
  readonly first: readonly string[];
  readonly last: readonly string[];
  readonly tokens: readonly string[];
  readonly named: Readonly<Record<string, string>>;
}

/** The tokens that texts begin and end with, and their names in tokenizer_config.json. */
function specialIds(metadata: GgufMetadata, tokens: readonly string[], addBos: boolean): Ends {
  const token = (name: string): string | undefined => {
    const key = `tokenizer.ggml.${name}_token_id`;
    if (!metadata.has(key)) return undefined;
    return tokens[metadata.count(key)] ?? failAt(key, metadata.count(key), tokens.length);
  };
  const [bos, eos, pad, unk] = ["bos", "eos", "padding", "unknown"].map(token);
  const named = Object.fromEntries(Object.entries({ bos_token: bos, eos_token: eos, pad_token: pad, unk_token: unk }).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const first = bos !== undefined && metadata.flag("tokenizer.ggml.add_bos_token", addBos) ? [bos] : [];
  const last = eos !== undefined && metadata.flag("tokenizer.ggml.add_eos_token", false) ? [eos] : [];
  return { first, last, tokens, named };
}

function failAt(key: string, id: number, count: number): never {
  throw new CheckpointError(`tokenizerOfGguf: ${key} is ${id}, but there are ${count} tokens.`);
}

function postProcessor({ first, last, tokens }: Ends): object | null {
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const single = [...first.map(special), { Sequence: { id: "A", type_id: 0 } }, ...last.map(special)];
  const special_tokens = Object.fromEntries([...first, ...last].map((id) => [id, { id, ids: [tokens.indexOf(id)], tokens: [id] }]));
  return single.length === 1 ? null : { type: "TemplateProcessing", single, pair: [...single, { Sequence: { id: "B", type_id: 1 } }], special_tokens };
}

/** Templates for other purposes than chatting have keys of their own, `tokenizer.chat_template.tool_use`. */
function chatTemplate(metadata: GgufMetadata): Record<string, unknown> {
  const key = "tokenizer.chat_template";
  return metadata.has(key) ? { chat_template: metadata.text(key) } : {};
}
