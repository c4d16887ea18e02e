import { ConfigError } from "@moekit/core";
import type { TokenizerFiles } from "../../tokenizer/tokenizer.js";
import type { GgufValue } from "../metadata.js";
import { preTokenizerName } from "./pre-tokenizer-name.js";

/** The parts of a `tokenizer.json` that count here. */
interface TokenizerJson {
  readonly normalizer?: Part | null;
  readonly pre_tokenizer?: Part | null;
  readonly post_processor?: { readonly type?: string; readonly single?: readonly { SpecialToken?: { id: string } }[] } | null;
  readonly added_tokens?: readonly { id: number; content: string; special?: boolean }[];
  readonly model: { readonly type?: string; readonly vocab: Readonly<Record<string, number>>; readonly merges?: readonly (string | readonly [string, string])[]; readonly unk_token?: string | null; readonly byte_fallback?: boolean; readonly ignore_merges?: boolean };
}

/** A normalizer or pre-tokenizer, or a sequence of them. */
export interface Part {
  readonly type: string;
  readonly normalizers?: readonly Part[];
  readonly pretokenizers?: readonly Part[];
  readonly pattern?: { readonly Regex?: string; readonly String?: string };
  readonly use_regex?: boolean;
  readonly individual_digits?: boolean;
  readonly prepend_scheme?: string;
}

const KINDS = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 };

/**
 * A tokenizer as metadata of a GGUF file, for {@link exportGguf}: byte-level BPE as `gpt2`, SentencePiece-like BPE with byte
 * fallback as `llama`, whose scores follow the order of merges.
 *
 * @param vocabSize - Rows of the model's embedding; ids without a token become unused ones.
 * @throws ConfigError if GGUF has no name for the way that the tokenizer works.
 * @example await exportGguf(model, "model.gguf", { metadata: tokenizerMetadata((await readTokenizerFiles(folder))!, 50304) });
 */
export function tokenizerMetadata({ json, config }: TokenizerFiles, vocabSize: number): Map<string, GgufValue> {
  const source = json as TokenizerJson;
  if (source.model?.type !== "BPE") throw new ConfigError(`tokenizerMetadata: the tokenizer is of the type ${String(source.model?.type)}; BPE can be written to GGUF files.`);
  const tokens = tokensById(source, vocabSize);
  const isByteLevel = flatten(source.pre_tokenizer, "pretokenizers").some(({ type }) => type === "ByteLevel");
  const own = isByteLevel ? byteLevelEntries(source) : sentencePieceEntries(source, tokens);
  const entries: [string, GgufValue][] = [
    ...own,
    ["tokens", { type: "array", of: "string", value: tokens }],
    ["token_type", { type: "array", of: "i32", value: kindsOf(source, tokens, isByteLevel) }],
    ...specialEntries(source, config, tokens),
  ];
  const template = typeof config.chat_template === "string" ? [["tokenizer.chat_template", text(config.chat_template)] as const] : [];
  return new Map([...entries.map(([key, value]) => [`tokenizer.ggml.${key}`, value] as const), ...template]);
}

const text = (value: string): GgufValue => ({ type: "string", value });

/** The parts of a sequence, or the one part, in order. */
export function flatten(part: Part | null | undefined, key: "normalizers" | "pretokenizers"): readonly Part[] {
  if (!part) return [];
  return part.type === "Sequence" ? (part[key] ?? []).flatMap((inner) => flatten(inner, key)) : [part];
}

function tokensById({ model, added_tokens: added = [] }: TokenizerJson, vocabSize: number): string[] {
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`);
  for (const [token, id] of [...Object.entries(model.vocab), ...added.map(({ content, id }) => [content, id] as const)]) {
    if (id >= vocabSize) throw new ConfigError(`tokenizerMetadata: the token ${JSON.stringify(token)} has the id ${id}, but the model has ${vocabSize} tokens.`);
    tokens[id] = token;
  }
  return tokens;
}

function kindsOf({ model, added_tokens: added = [] }: TokenizerJson, tokens: readonly string[], isByteLevel: boolean): Int32Array {
  const addedKinds = new Map(added.map(({ content, special }) => [content, special ? KINDS.control : KINDS.userDefined]));
  return Int32Array.from(tokens, (token) => {
    if (!isByteLevel && token === model.unk_token) return KINDS.unknown;
    const known = addedKinds.get(token);
    if (known !== undefined) return known;
    if (!Object.hasOwn(model.vocab, token)) return KINDS.unused;
    return !isByteLevel && /^<0x[0-9A-F]{2}>$/.test(token) ? KINDS.byte : KINDS.normal;
  });
}

function byteLevelEntries({ normalizer, pre_tokenizer, model }: TokenizerJson): [string, GgufValue][] {
  const merges = (model.merges ?? []).map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  return [
    ["model", text("gpt2")],
    ["pre", text(preTokenizerName(flatten(normalizer, "normalizers"), flatten(pre_tokenizer, "pretokenizers"), model.ignore_merges ?? false))],
    ["merges", { type: "array", of: "string", value: merges }],
  ];
}

/** A piece that is made by an earlier merge gets a higher score; letters are made by none. */
function sentencePieceEntries({ normalizer, pre_tokenizer, model }: TokenizerJson, tokens: readonly string[]): [string, GgufValue][] {
  if (!model.byte_fallback) throw new ConfigError("tokenizerMetadata: a BPE tokenizer must be byte-level or have byte_fallback to be written to a GGUF file.");
  const merges = model.merges ?? [];
  const ranks = new Map<string, number>();
  merges.forEach((merge, rank) => {
    const piece = (typeof merge === "string" ? merge.split(" ") : merge).join("");
    if (!ranks.has(piece)) ranks.set(piece, rank);
  });
  const parts = [...flatten(normalizer, "normalizers"), ...flatten(pre_tokenizer, "pretokenizers")];
  const prefixes = parts.some(({ type, prepend_scheme: scheme }) => type === "Prepend" || (type === "Metaspace" && scheme !== "never"));
  return [
    ["model", text("llama")],
    ["pre", text("default")],
    ["scores", { type: "array", of: "f32", value: Float32Array.from(tokens, (token) => -(ranks.get(token) ?? merges.length)) }],
    ["add_space_prefix", { type: "bool", value: prefixes }],
  ];
}

const SPECIAL = { bos_token: "bos", eos_token: "eos", unk_token: "unknown", pad_token: "padding" };

function specialEntries({ post_processor: post }: TokenizerJson, config: Readonly<Record<string, unknown>>, tokens: readonly string[]): [string, GgufValue][] {
  const nameOf = (value: unknown) => (typeof value === "string" ? value : (value as { content?: string } | null | undefined)?.content);
  const ids = Object.entries(SPECIAL).map(([key, name]) => [name, tokens.indexOf(nameOf(config[key]) ?? "")] as const);
  const first = post?.single?.[0]?.SpecialToken?.id;
  const last = post?.single?.at(-1)?.SpecialToken?.id;
  return [
    ...ids.filter(([, id]) => id >= 0).map(([name, value]): [string, GgufValue] => [`${name}_token_id`, { type: "u32", value }]),
    ["add_bos_token", { type: "bool", value: first !== undefined && first === nameOf(config.bos_token) }],
    ["add_eos_token", { type: "bool", value: last !== undefined && last === nameOf(config.eos_token) }],
  ];
}
