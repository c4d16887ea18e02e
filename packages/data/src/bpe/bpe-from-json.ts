import { DataError } from "@moekit/core";
import { BpeTokenizer, type Merge } from "./bpe-tokenizer.js";
import type { TokenizerJson } from "./tokenizer-json.js";

/**
 * Reads a `tokenizer.json` that {@link trainBpe} made. For other tokenizers use `@huggingface/tokenizers`.
 *
 * @throws DataError if it is not such a file.
 * @example const tokenizer = bpeFromJson(JSON.parse(await readFile("tokenizer.json", "utf8")));
 */
export function bpeFromJson(json: TokenizerJson): BpeTokenizer {
  try {
    const { vocab, merges } = json.model;
    const ids = merges.map(([left, right]): Merge => [vocab[left]!, vocab[right]!]);
    const tokenizer = new BpeTokenizer(json.added_tokens.map(({ content }) => content), ids);
    // Written again it must be the same: that proves every part of the file was understood.
    if (canonical(tokenizer.toJSON()) === canonical(json)) return tokenizer;
  } catch {
    // Fields are missing or of another kind: reported below.
  }
  throw new DataError("bpeFromJson: this must be a tokenizer.json written by trainBpe; read others with @huggingface/tokenizers.");
}

/** JSON text with sorted keys: readers and editors may order fields anew. */
function canonical(json: unknown): string {
  return JSON.stringify(json, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
}
