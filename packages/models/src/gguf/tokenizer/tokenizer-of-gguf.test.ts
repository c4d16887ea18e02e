import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isMoekitError } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { llamaCppTokens, noLlamaCpp } from "../../testing/llama-cpp.js";
import { GgufFile } from "../gguf-file.js";
import { GgufMetadata, type GgufValue } from "../metadata.js";
import { tokenizerFilesOfGguf, tokenizerOfGguf } from "./tokenizer-of-gguf.js";

const path = (name: string) => fileURLToPath(new URL(`../../../fixtures/tokenizers/${name}`, import.meta.url));
const tokenizerOf = async (name: string) => {
  const file = await GgufFile.open(path(`${name}.gguf`));
  const tokenizer = tokenizerOfGguf(file.metadata)!;
  await file.close();
  return tokenizer;
};
interface Case {
  readonly text: string;
  readonly ids: number[];
  readonly decoded: string;
}
const casesOf = (name: string) => (JSON.parse(readFileSync(path(`${name}.json`), "utf8")) as { cases: Case[] }).cases;
const BPE = ["gpt-2", "llama-bpe", "qwen2", "gpt-4o", "deepseek-v3"];

describe.each([...BPE, "sentencepiece"])("%s", (name) => {
  it("turns texts into the ids of the authors' library, and back", async () => {
    const tokenizer = await tokenizerOf(name);
    for (const { text, ids, decoded } of casesOf(name)) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.decode(ids), JSON.stringify(text)).toBe(decoded);
    }
  });
});

describe.skipIf(noLlamaCpp)(`llama.cpp${noLlamaCpp ? ` (skipped: ${noLlamaCpp})` : ""}`, () => {
  it.each([...BPE, "sentencepiece"])("turns texts into the same ids with %s", async (name) => {
    const tokenizer = await tokenizerOf(name);
    // Two deviations of llama.cpp: it does not compose characters, and the empty text has no prefix to begin with.
    const texts = [...casesOf(name).map(({ text }) => text), "<tool> x<tool>y"].filter((text) => text.normalize("NFC") === text && text !== "");
    const theirs = await llamaCppTokens(path(`${name}.gguf`), texts);
    const first = tokenizer.encode("");
    texts.forEach((text, i) => expect(tokenizer.encode(text).slice(first.length), JSON.stringify(text)).toEqual(theirs[i]));
  });
});

describe("tokenizerOfGguf", () => {
  const entries = (changes: Record<string, GgufValue>) =>
    new GgufMetadata(
      Object.entries({
        "tokenizer.ggml.model": { type: "string", value: "gpt2" },
        "tokenizer.ggml.pre": { type: "string", value: "gpt-2" },
        "tokenizer.ggml.tokens": { type: "array", of: "string", value: ["a", "b", "ab", "<s>"] },
        "tokenizer.ggml.token_type": { type: "array", of: "i32", value: new Int32Array([1, 1, 1, 3]) },
        "tokenizer.ggml.merges": { type: "array", of: "string", value: ["a b"] },
        "tokenizer.ggml.bos_token_id": { type: "u32", value: 3 },
        ...changes,
      } satisfies Record<string, GgufValue>),
    );
  const text = (value: string): GgufValue => ({ type: "string", value });

  it("knows special tokens, and whether texts begin with one", () => {
    expect(tokenizerOfGguf(entries({}))!.encode("ab<s>a")).toEqual([2, 3, 0]);
    expect(tokenizerOfGguf(entries({ "tokenizer.ggml.add_bos_token": { type: "bool", value: true } }))!.encode("ab")).toEqual([3, 2]);
    expect(tokenizerOfGguf(entries({ "tokenizer.ggml.pre": text("llama-bpe") }))!.encode("ab")).toEqual([3, 2]);
    const both = entries({ "tokenizer.ggml.add_bos_token": { type: "bool", value: true }, "tokenizer.ggml.add_eos_token": { type: "bool", value: true }, "tokenizer.ggml.eos_token_id": { type: "u32", value: 1 } });
    expect(tokenizerOfGguf(both)!.encode("a")).toEqual([3, 0, 1]);
  });

  it("is nothing where the file has none, and hands on the chat template", () => {
    expect(tokenizerOfGguf(entries({ "tokenizer.ggml.model": text("no_vocab") }))).toBeUndefined();
    expect(tokenizerFilesOfGguf(entries({ "tokenizer.chat_template": text("{{ x }}") }))!.config).toMatchObject({ chat_template: "{{ x }}", bos_token: "<s>" });
  });

  it.each([
    ["another kind", { "tokenizer.ggml.model": text("t5") }, 'of the kind "t5"'],
    ["too few kinds", { "tokenizer.ggml.token_type": { type: "array", of: "i32", value: new Int32Array(3) } }, "4 tokens, but 3 kinds"],
    ["a merge of one", { "tokenizer.ggml.merges": { type: "array", of: "string", value: ["ab"] } }, 'the merge "ab"'],
    ["tokens that are numbers", { "tokenizer.ggml.tokens": { type: "array", of: "i32", value: new Int32Array(4) } }, "must be an array of strings"],
    ["a first token that is not there", { "tokenizer.ggml.bos_token_id": { type: "u32", value: 4 } }, "bos_token_id is 4, but there are 4 tokens"],
  ] as [string, Record<string, GgufValue>, string][])("refuses %s", (_name, changes, message) => {
    expect(() => tokenizerOfGguf(entries(changes))).toThrow(message);
  });

  it("names the pre-tokenizers it knows", () => {
    expect(() => tokenizerOfGguf(entries({ "tokenizer.ggml.pre": text("unheard") }))).toThrow(expect.toSatisfy((error: unknown) => isMoekitError(error, "unknown-name")) as Error);
  });
});
