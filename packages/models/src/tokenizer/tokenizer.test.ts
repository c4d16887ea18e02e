import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMoekitError } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadTokenizer } from "./load-tokenizer.js";
import { createTokenizer } from "./tokenizer.js";

/** A byte-level BPE of seven tokens with the merges h+e and l+l. `Ġ` is a space. */
const json = {
  version: "1.0",
  added_tokens: [{ id: 7, content: "<|end|>", single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: "BPE", vocab: { h: 0, e: 1, l: 2, o: 3, "Ġ": 4, he: 5, ll: 6 }, merges: [["h", "e"], ["l", "l"]], unk_token: null, fuse_unk: false, byte_fallback: false },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-tokenizer-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("tokenizers", () => {
  it("merge, come back as the same text, and leave special tokens out", () => {
    const tokenizer = createTokenizer(json);
    expect(tokenizer.encode("hello lo")).toEqual([5, 6, 3, 4, 2, 3]);
    expect(tokenizer.decode([5, 6, 3, 4, 2, 3, 7])).toBe("hello lo");
    expect(tokenizer.decode([])).toBe("");
    expect(tokenizer.vocabSize).toBe(8);
    expect(tokenizer.idOf("<|end|>")).toBe(7);
    expect(tokenizer.idOf("nowhere")).toBeUndefined();
  });

  it("load from a folder, with or without tokenizer_config.json", async () => {
    await expect(loadTokenizer(folder)).rejects.toThrow("has no tokenizer.json");
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(json));
    expect((await loadTokenizer(folder)).encode("he")).toEqual([5]);
    await writeFile(join(folder, "tokenizer_config.json"), "{}");
    expect((await loadTokenizer(folder)).encode("he")).toEqual([5]);
  });

  it("damaged files are CheckpointErrors", async () => {
    const broken = await mkdtemp(join(folder, "broken-"));
    for (const content of ["{", "{}", '{"model":{"type":"Nonsense"}}']) {
      await writeFile(join(broken, "tokenizer.json"), content);
      await expect(loadTokenizer(broken), content).rejects.toSatisfy((error) => isMoekitError(error, "checkpoint"));
    }
  });
});
