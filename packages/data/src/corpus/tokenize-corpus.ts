import { DataError, UnknownNameError } from "@moekit/core";
import type { BpeTokenizer } from "../bpe/bpe-tokenizer.js";
import type { Domain } from "./load-corpus.js";

/**
 * All tokens of one domain in a row.
 * @example const stream: TokenStream = { name: "notes", tokens: Int32Array.of(0, 84, 101, 0), endOfText: 0 };
 */
export interface TokenStream {
  readonly name: string;
  /** `[N]`: an end-of-text token, then each document followed by one; so every document starts after an end of text. */
  readonly tokens: Int32Array;
  /** Id of the end-of-text token. */
  readonly endOfText: number;
}

/**
 * Encodes each domain and joins its documents with an end-of-text token.
 *
 * @param endOfText - The special token. @defaultValue `<|endoftext|>`
 * @throws UnknownNameError if the tokenizer lacks the token; DataError if a domain has no text.
 * @example const streams = tokenizeCorpus(train, tokenizer);
 */
export function tokenizeCorpus(domains: readonly Domain[], tokenizer: BpeTokenizer, endOfText = "<|endoftext|>"): TokenStream[] {
  const id = tokenizer.idOf(endOfText);
  if (id === undefined) throw new UnknownNameError({ in: "tokenizeCorpus", name: endOfText, known: tokenizer.specialTokens });
  return domains.map(({ name, documents }) => ({ name, tokens: join(name, documents, tokenizer, id), endOfText: id }));
}

function join(name: string, documents: readonly string[], tokenizer: BpeTokenizer, endOfText: number): Int32Array {
  const encoded = documents.map((text) => tokenizer.encode(text));
  const length = encoded.reduce((sum, ids) => sum + ids.length, 0);
  if (length === 0) throw new DataError(`tokenizeCorpus: domain "${name}" has no text.`);
  const tokens = new Int32Array(length + documents.length + 1).fill(endOfText);
  let at = 1;
  for (const ids of encoded) {
    tokens.set(ids, at);
    at += ids.length + 1;
  }
  return tokens;
}
