import { ConfigError } from "@moekit/core";
import { CONTRACTIONS, GPT2, PRE_TOKENIZERS } from "./pre-tokenizers.js";
import type { Part } from "./tokenizer-metadata.js";

/**
 * What GGUF files call a way of cutting texts into words.
 * @throws ConfigError if they have no name for it.
 */
export function preTokenizerName(normalizers: readonly Part[], preTokenizers: readonly Part[], ignoreMerges: boolean): string {
  const patterns = preTokenizers.flatMap(patternsOf).map(canonical);
  const composes = normalizers.some(({ type }) => type === "NFC");
  const candidates = Object.entries(PRE_TOKENIZERS).filter(([, known]) => known.patterns.map(canonical).join("\n") === patterns.join("\n"));
  const exact = candidates.find(([, { ignoreMerges: ignores = false, compose = false }]) => ignores === ignoreMerges && compose === composes);
  if (!exact) throw new ConfigError(`tokenizerMetadata: GGUF has no name for a pre-tokenizer that cuts by ${JSON.stringify(patterns)}${composes ? " after NFC" : ""}${ignoreMerges ? " and ignores merges" : ""}.`);
  return exact[0];
}

function patternsOf({ type, pattern, use_regex: usesRegex = true, individual_digits: digits = false }: Part): string[] {
  if (type === "Split" && pattern?.Regex !== undefined) return [pattern.Regex];
  if (type === "ByteLevel") return usesRegex ? [GPT2] : [];
  if (type === "Digits" && digits) return [String.raw`\p{N}`];
  throw new ConfigError(`tokenizerMetadata: GGUF has no name for a pre-tokenizer of the type ${type}.`);
}

/** One spelling for what is written in several ways: contractions in either case, characters by number. */
function canonical(pattern: string): string {
  const spelled = pattern.replaceAll(/\\u\{?([0-9a-f]{4,5})\}?/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
  return spelled.replaceAll("(?i:'s|'t|'re|'ve|'m|'ll|'d)", CONTRACTIONS).replaceAll("\r", String.raw`\r`).replaceAll("\n", String.raw`\n`);
}
