import { Tokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { loadCorpus, type Domain } from "../corpus/load-corpus.js";
import { bpeFromJson } from "./bpe-from-json.js";
import { BpeTokenizer } from "./bpe-tokenizer.js";
import type { TokenizerJson } from "./tokenizer-json.js";
import { trainBpe } from "./train-bpe.js";

const CORPUS = new URL("../../../../apps/quickstart/corpus", import.meta.url).pathname;
let domains: Domain[];
let tokenizer: BpeTokenizer;
let json: TokenizerJson;
let huggingFace: Tokenizer;

beforeAll(async () => {
  domains = await loadCorpus(CORPUS);
  tokenizer = trainBpe(domains.flatMap(({ documents }) => documents), { vocabSize: 2048, specialTokens: ["<|endoftext|>", "<|end|>", "<|end|>+"] });
  json = JSON.parse(JSON.stringify(tokenizer)) as TokenizerJson;
  huggingFace = new Tokenizer(json, { clean_up_tokenization_spaces: false });
});

/** Not `toEqual` on long arrays: its message would be endless. */
const firstDifference = (a: readonly number[], b: readonly number[]): number => (a.length === b.length ? a.findIndex((id, i) => id !== b[i]) : Math.min(a.length, b.length));

/** Unicode from everywhere, with the spaces, apostrophes and special tokens that pre-tokenizers stumble over. */
const anyText = fc
  .array(fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme-ascii" }), fc.constantFrom(" ", "  ", "\n\n", "\t", "'s", "'ll", "\u0085", "\u00a0", "\ufeff", "\u2028", "\ud800", "<|endoftext|>", "<|end|>", "<|end|>+", "<|en")))
  .map((parts) => parts.join(""));

describe("BpeTokenizer", () => {
  test("gives the ids of Hugging Face's tokenizer on every domain of the sample corpus", () => {
    for (const { documents } of domains)
      for (const text of documents.slice(0, 12)) expect(firstDifference(tokenizer.encode(text), huggingFace.encode(text).ids)).toBe(-1);
  });

  test("gives the ids and the text of Hugging Face's tokenizer on any Unicode", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = tokenizer.encode(text);
        expect(ids).toEqual(huggingFace.encode(text).ids);
        if (ids.length > 0) expect(tokenizer.decode(ids)).toBe(huggingFace.decode(ids, { skip_special_tokens: true }));
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  test("decodes any ids as Hugging Face's tokenizer does, broken UTF-8 included", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 3, max: 2047 }), { minLength: 1, maxLength: 20 }), (ids) => {
        expect(tokenizer.decode(ids)).toBe(huggingFace.decode(ids, { skip_special_tokens: true }));
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  test("any well-formed text comes back from its ids", () => {
    const plain = fc.string({ unit: "binary" }).filter((text) => !text.includes("<|end"));
    fc.assert(
      fc.property(plain, (text) => void expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)),
      { seed: 3, numRuns: 500 },
    );
  });

  test("special tokens in a text become their ids, the longest first, and are left out of decoded text", () => {
    expect(tokenizer.encode("<|endoftext|><|end|>+<|end|>")).toEqual([0, 2, 1]);
    expect(tokenizer.decode([0, ...tokenizer.encode("whale"), 1])).toBe("whale");
    expect([tokenizer.idOf("<|end|>"), tokenizer.idOf("whale")]).toEqual([1, undefined]);
  });

  test("the bytes of a text's tokens are the text's bytes", () => {
    const text = domains[0]!.documents[0]!;
    const bytes = tokenizer.encode(text).reduce((sum, id) => sum + tokenizer.tokenBytes[id]!.length, 0);
    expect(bytes).toBe(new TextEncoder().encode(text).length);
  });

  test("applies merges in the order they were learned, worked by hand", () => {
    // Ids are bytes: a 97, b 98, c 99. "bc" (256) was learned before "ab" (257), so "abc" is a + bc, and then 258 joins them.
    expect(new BpeTokenizer([], [[98, 99], [97, 98]]).encode("abc")).toEqual([97, 256]);
    expect(new BpeTokenizer([], [[98, 99], [97, 98], [97, 256]]).encode("abc")).toEqual([258]);
  });

  test("two merges that make the same bytes share one id", () => {
    // ab = 256, abc = ab + c = 257, bc = 258, and a + bc is abc again.
    const tokens = new BpeTokenizer([], [[97, 98], [256, 99], [98, 99], [97, 258]]);
    expect(tokens.vocabSize).toBe(259);
    expect(tokens.encode("abc")).toEqual([257]);
    expect(bpeFromJson(tokens.toJSON()).merges).toEqual(tokens.merges);
  });

  test("an id outside the vocabulary is an error", () => {
    expect(() => tokenizer.decode([2048])).toThrow("id 2048 is not in the vocabulary");
    expect(() => new BpeTokenizer([], [[97, 300]])).toThrow("id 300 is not in the vocabulary");
  });
});

describe("bpeFromJson", () => {
  test("reads back what was written, with the same ids", () => {
    const read = bpeFromJson(json);
    expect(read.toJSON()).toEqual(tokenizer.toJSON());
    expect(read.encode("Call me Ishmael.<|end|>")).toEqual(tokenizer.encode("Call me Ishmael.<|end|>"));
  });

  test("a file of another kind of tokenizer, or with a piece missing, is an error", () => {
    const others = [{ ...json, normalizer: { type: "NFC" } }, { ...json, model: { ...json.model, merges: [] } }, { ...json, added_tokens: [] }, {}];
    for (const other of others) expect(() => bpeFromJson(other as TokenizerJson)).toThrow("bpeFromJson: this must be a tokenizer.json written by trainBpe");
  });
});
