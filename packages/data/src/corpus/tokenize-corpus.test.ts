import { expect, test } from "vitest";
import { BpeTokenizer } from "../bpe/bpe-tokenizer.js";
import { tokenizeCorpus } from "./tokenize-corpus.js";

const bytes = new BpeTokenizer(["<|pad|>", "<|endoftext|>"], []);

test("each document stands between end-of-text tokens", () => {
  // Ids: 2 special tokens, then byte b at 2 + b; "a" is byte 97.
  const [stream] = tokenizeCorpus([{ name: "d", documents: ["ab", "c"] }], bytes);
  expect(stream).toEqual({ name: "d", tokens: Int32Array.of(1, 99, 100, 1, 101, 1), endOfText: 1 });
});

test("an unknown end-of-text token and a domain without text are errors", () => {
  expect(() => tokenizeCorpus([], bytes, "</s>")).toThrow('unknown name "</s>"; known names are <|endoftext|>, <|pad|>');
  expect(() => tokenizeCorpus([{ name: "void", documents: [] }], bytes)).toThrow('domain "void" has no text');
});
