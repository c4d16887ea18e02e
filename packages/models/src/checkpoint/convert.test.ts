import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeParameters } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scoreModel } from "../scoring/score.js";
import { parseConfig } from "../config/parse-config.js";
import { MoeTransformer } from "../moe-transformer.js";
import { fixtureFolder, fixtureJson, maxDifference, useBackend } from "../testing/fixtures.js";
import { loadTokenizer, readTokenizerFiles } from "../tokenizer/load-tokenizer.js";
import { convertCheckpoint } from "./convert.js";
import { loadModel } from "./load-model.js";
import { saveModel } from "./save-model.js";

const TOKENIZER = fixtureFolder("tokenizers/gpt-2.gguf");

describe("convertCheckpoint", () => {
  let folder: string;
  beforeAll(async () => {
    await useBackend("cpu");
    folder = await mkdtemp(join(tmpdir(), "moekit-convert-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const at = (name: string) => join(folder, name);

  async function logitsOf(path: string) {
    const model = await loadModel(path);
    const { logits } = await scoreModel(model, [[5, 9, 3, 7, 11, 2]]);
    disposeParameters(model);
    return logits!.data;
  }

  it("to GGUF and back gives the same file of weights", async () => {
    await convertCheckpoint(fixtureFolder("qwen3_moe"), at("model.gguf"), { to: "gguf" });
    const counts: number[] = [];
    await convertCheckpoint(at("model.gguf"), at("back"), { to: "safetensors" }, { onProgress: ({ tensors, total }) => counts.push(tensors / total) });
    expect(await logitsOf(at("back"))).toEqual(await logitsOf(fixtureFolder("qwen3_moe")));
    expect(counts.at(-1)).toBe(1);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
  });

  it("packs: q8_0 is near the original, and unpacks to what it computes with", async () => {
    await convertCheckpoint(fixtureFolder("llama"), at("packed.gguf"), { to: "gguf", quantize: "q8_0" });
    const [packed, exact] = [await logitsOf(at("packed.gguf")), await logitsOf(fixtureFolder("llama"))];
    const difference = maxDifference(packed, exact);
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(0.05);
    await convertCheckpoint(at("packed.gguf"), at("unpacked"), { to: "safetensors" });
    expect(await logitsOf(at("unpacked"))).toEqual(packed);
  });

  it("writes bf16 in shards", async () => {
    await convertCheckpoint(fixtureFolder("olmoe"), at("half"), { to: "safetensors", dtype: "BF16", maxShardBytes: 20_000 });
    expect((await readdir(at("half"))).filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(2);
    expect(JSON.parse(await readFile(join(at("half"), "config.json"), "utf8"))).toMatchObject({ dtype: "bfloat16", model_type: "olmoe" });
    expect(maxDifference(await logitsOf(at("half")), await logitsOf(fixtureFolder("olmoe")))).toBeLessThan(0.05);
  });

  it("takes the tokenizer along, both ways", async () => {
    const tokenizer = await loadTokenizer(TOKENIZER);
    const vocab_size = tokenizer.vocabSize;
    const source = fixtureJson<Record<string, unknown>>("llama", "config.json");
    await saveModel(new MoeTransformer(parseConfig({ ...source, vocab_size })), at("talks"));
    const files = (await readTokenizerFiles(TOKENIZER))!;
    await writeFile(join(at("talks"), "tokenizer.json"), JSON.stringify(files.json));
    await writeFile(join(at("talks"), "tokenizer_config.json"), JSON.stringify(files.config));
    await convertCheckpoint(at("talks"), at("talks.gguf"), { to: "gguf", quantize: "bf16" });
    await convertCheckpoint(at("talks.gguf"), at("talks-back"), { to: "safetensors" });
    for (const path of [at("talks.gguf"), at("talks-back")]) {
      const again = await loadTokenizer(path);
      for (const text of ["Hello, world! 123", "  spaces\n\nand lines", "größer 你好 🙂"]) expect(again.encode(text), path).toEqual(tokenizer.encode(text));
    }
  });

  it("stopped, leaves nothing behind", async () => {
    const controller = new AbortController();
    const stopped = convertCheckpoint(fixtureFolder("olmoe"), at("stopped/model.gguf"), { to: "gguf" }, { signal: controller.signal, onProgress: ({ tensors }) => tensors === 5 && controller.abort(new Error("enough")) });
    await expect(stopped).rejects.toThrow("enough");
    expect(await readdir(at("stopped"))).toEqual([]);
  });
});
