import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createTokenizer } from "../../tokenizer/tokenizer.js";
import { GgufFile } from "../gguf-file.js";
import { GgufMetadata } from "../metadata.js";
import { tokenizerMetadata } from "./tokenizer-metadata.js";
import { tokenizerFilesOfGguf, tokenizerOfGguf } from "./tokenizer-of-gguf.js";

const path = (name: string) => fileURLToPath(new URL(`../../../fixtures/tokenizers/${name}`, import.meta.url));

describe.each(["gpt-2", "llama-bpe", "qwen2", "gpt-4o", "deepseek-v3"])("%s", (name) => {
  it("is written as gguf-py wrote it", async () => {
    const file = await GgufFile.open(path(`${name}.gguf`));
    const written = tokenizerMetadata(tokenizerFilesOfGguf(file.metadata)!, file.metadata.texts("tokenizer.ggml.tokens").length);
    for (const [key, value] of written) if (file.metadata.has(key)) expect(value, key).toEqual(file.metadata.get(key));
    expect([...file.metadata.keys()].filter((key) => key.startsWith("tokenizer.") && !written.has(key))).toEqual([]);
    await file.close();
  });
});

describe("tokenizerMetadata", () => {
  it("scores SentencePiece-like pieces so that texts turn into the same ids", async () => {
    const file = await GgufFile.open(path("sentencepiece.gguf"));
    const files = tokenizerFilesOfGguf(file.metadata)!;
    await file.close();
    // Fewer tokens than the model has rows: the rest is unused.
    const back = tokenizerOfGguf(new GgufMetadata(tokenizerMetadata(files, 704)))!;
    const { cases } = JSON.parse(readFileSync(path("sentencepiece.json"), "utf8")) as { cases: { text: string; ids: number[] }[] };
    for (const { text, ids } of cases) expect(back.encode(text), text).toEqual(ids);
    expect(back.vocabSize).toBe(704);
  });

  it("names the patterns of transformers, whichever way they are spelled", () => {
    const bytes = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
    const json = (pretokenizers: object[], more = {}) => ({ pre_tokenizer: { type: "Sequence", pretokenizers }, normalizer: null, model: { type: "BPE", vocab: { a: 0 }, merges: [], ...more } });
    const split = (Regex: string) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated" });
    const nameOf = (source: object) => tokenizerMetadata({ json: source, config: {} }, 1).get("tokenizer.ggml.pre")!.value;
    const words = (digits: string) => String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
    expect(nameOf(json([split(words(String.raw`\p{N}{1,3}`)), bytes], { ignore_merges: true }))).toBe("llama-bpe");
    expect(nameOf({ ...json([split(words(String.raw`\p{N}`)), bytes]), normalizer: { type: "NFC" } })).toBe("qwen2");
    expect(nameOf(json([{ type: "Digits", individual_digits: true }, { type: "ByteLevel" }]))).toBe("refact");
    expect(() => nameOf(json([split("x+"), bytes]))).toThrow('cuts by ["x+"]');
    expect(() => nameOf(json([{ type: "Whitespace" }, bytes]))).toThrow("of the type Whitespace");
  });

  it("refuses what GGUF cannot say", () => {
    expect(() => tokenizerMetadata({ json: { model: { type: "Unigram", vocab: [] } }, config: {} }, 1)).toThrow("of the type Unigram");
    expect(() => tokenizerMetadata({ json: { model: { type: "BPE", vocab: { a: 0 }, merges: [] } }, config: {} }, 1)).toThrow("must be byte-level or have byte_fallback");
    expect(() => tokenizerMetadata({ json: { model: { type: "BPE", vocab: { a: 7 }, merges: [], byte_fallback: true } }, config: {} }, 2)).toThrow('"a" has the id 7, but the model has 2');
  });

  it("makes what createTokenizer reads", () => {
    const json = { added_tokens: [], normalizer: null, pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true }, decoder: null, post_processor: null, model: { type: "BPE", vocab: { h: 0, e: 1, he: 2 }, merges: ["h e"] } };
    const files = tokenizerFilesOfGguf(new GgufMetadata(tokenizerMetadata({ json, config: {} }, 3)))!;
    expect(createTokenizer(files.json, files.config).encode("hehh")).toEqual(createTokenizer(json).encode("hehh"));
  });
});
