/** Models whose experts stay in the file. */
import { mkdtemp, rename, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { disposeParameters } from "@moekit/core";
import { nativeBackendName, registerNativeBackend } from "@moekit/kernels-native";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expertCaches } from "../blocks/expert-cache.js";
import { packedWeights } from "../blocks/packed-weight.js";
import { generate } from "../generation/generate.js";
import { ggufFamilies } from "../gguf/families/index.js";
import { scoreModel } from "../scoring/score.js";
import { FAMILIES, fixtureFolder, fixtureJson, useBackend } from "../testing/fixtures.js";
import { convertCheckpoint, type ConversionTarget } from "./convert.js";
import { whyNot } from "../testing/why-not.js";
import { loadModel } from "./load-model.js";
import type { LoadOptions } from "./load-options.js";
import { saveModel } from "./save-model.js";

const IDS = [[5, 9, 3, 7, 11, 2], [8, 1, 4, 4, 13, 6]];

describe("experts that stay in the file", () => {
  let folder: string;
  beforeAll(async () => {
    await useBackend("cpu");
    folder = await mkdtemp(join(tmpdir(), "moekit-in-file-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function converted(family: string, target: ConversionTarget): Promise<string> {
    const path = join(folder, `${family}.${target.to}`);
    await convertCheckpoint(fixtureFolder(family), path, target);
    return path;
  }

  async function logitsOf(path: string, options: LoadOptions = {}) {
    const model = await loadModel(path, { weights: "as-stored", ...options });
    const { logits } = await scoreModel(model, IDS);
    disposeParameters(model);
    return logits!.data;
  }

  /** Bytes of all experts of a model, and the fewest that it can be run with. */
  async function bytesOf(path: string): Promise<{ all: number; least: number }> {
    const model = await loadModel(path, { weights: "as-stored", expertCacheBytes: 1e12 });
    const caches = expertCaches(model);
    disposeParameters(model);
    const all = caches.reduce((sum, { numExperts, expertBytes }) => sum + numExperts * expertBytes, 0);
    return { all, least: Math.ceil(all / Math.min(...caches.map(({ numExperts }) => numExperts))) };
  }

  async function expectSame(path: string): Promise<void> {
    const want = await logitsOf(path);
    const { all, least } = await bytesOf(path);
    for (const expertCacheBytes of [least, Math.floor(all / 2), all]) expect(await logitsOf(path, { expertCacheBytes }), `${expertCacheBytes} bytes`).toEqual(want);
  }

  const withExperts = FAMILIES.filter((family) => !["llama", "qwen3"].includes(family));
  /** Their folders have the matrices of experts input-major, so that rows are no rows of the file. */
  const inputMajor = (family: string) => /^(gpt_oss|llama4)/.test(family);

  it.each(withExperts.filter((family) => !inputMajor(family)))("%s in a folder of bf16 computes the same bits with any number of experts in memory", async (family) => {
    await expectSame(await converted(family, { to: "safetensors", dtype: "BF16" }));
  });

  // The layers of this llama4 without positions are not those that a .gguf file means.
  const inGguf = withExperts.filter((family) => family !== "llama4_text" && ggufFamilies().includes(fixtureJson<{ model_type: string }>(family, "config.json").model_type));
  it.each(inGguf)("%s in a .gguf file computes the same bits with any number of experts in memory", async (family) => {
    await expectSame(await converted(family, { to: "gguf", quantize: "q8_0" }));
  });

  it("takes experts from shards", async () => {
    await expectSame(await converted("mixtral", { to: "safetensors", dtype: "BF16", maxShardBytes: 20_000 }));
  });

  it.skipIf(whyNot(registerNativeBackend)).each(["qwen3_moe", "gpt_oss"])("%s computes the same bits on the compiled kernels", async (family) => {
    await useBackend(nativeBackendName);
    await expectSame(await converted(family, { to: "gguf", quantize: "q8_0" }));
    await useBackend("cpu");
  });

  it("is generated with and saved as any other model", async () => {
    const path = await converted("olmoe", { to: "gguf", quantize: "q8_0" });
    const written = async (options: LoadOptions) => {
      const model = await loadModel(path, options);
      const ids: number[] = [];
      for await (const id of generate(model, [5, 7], { maxNewTokens: 6, stop: [] })) ids.push(id);
      return { model, ids };
    };
    const lazy = await written({ weights: "as-stored", expertCacheBytes: (await bytesOf(path)).least });
    await saveModel(lazy.model, join(folder, "saved"));
    disposeParameters(lazy.model);
    const eager = await written({ weights: "as-stored" });
    for (const [name, weight] of Object.entries(packedWeights(eager.model))) expect(Buffer.compare(packedWeights(lazy.model)[name]!.matrix.bytes, weight.matrix.bytes), name).toBe(0);
    disposeParameters(eager.model);
    const again = await loadModel(join(folder, "saved"));
    disposeParameters(again);
    expect(lazy.ids).toEqual(eager.ids);
  });

  it("leaves no tensors behind, neither loaded nor refused", async () => {
    const path = await converted("mixtral", { to: "gguf", quantize: "q8_0" });
    const before = tf.memory().numTensors;
    await logitsOf(path, { expertCacheBytes: (await bytesOf(path)).least });
    await expect(loadModel(path, { weights: "as-stored", expertCacheBytes: 10 })).rejects.toThrow(/expertCacheBytes must be at least \d+, enough for one expert of each layer \(all experts together have \d+\); got 10/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("says so where the file is gone, has changed, or was replaced; and goes on when it is back", async () => {
    const path = await converted("qwen2_moe", { to: "gguf", quantize: "q8_0" });
    const model = await loadModel(path, { weights: "as-stored", expertCacheBytes: (await bytesOf(path)).least });
    const forward = () => tf.tidy(() => model.forward(tf.tensor2d(IDS, undefined, "int32")).logits.dataSync());
    const want = forward();
    await rename(path, `${path}.away`);
    expect(forward).toThrow("cannot be opened any more, and a model that was loaded from it reads its experts from it. Put it back, or load the model anew.");
    await rename(`${path}.away`, path);
    expect(forward()).toEqual(want);
    await utimes(path, new Date(0), new Date(0));
    expect(forward).toThrow("has changed since the model was loaded, which reads its experts from it. Load the model anew.");
    disposeParameters(model);
  });

  it("says what to do where experts cannot stay in the file", async () => {
    const options = { weights: "as-stored", expertCacheBytes: 1e9 } as const;
    await expect(loadModel(fixtureFolder("mixtral"), { expertCacheBytes: 1e9 })).rejects.toThrow('experts that stay in the file are packed; got weights "float32". Pass weights: "as-stored"');
    await expect(loadModel(fixtureFolder("mixtral"), { ...options, weights: "bf16" })).rejects.toThrow("is stored in float32, in 8-bit floats with scales, or not row by row, so it cannot stay in the file. moekit convert writes");
    const half = await converted("mixtral", { to: "safetensors", dtype: "BF16" });
    await expect(loadModel(half, { ...options, weights: "f16" })).rejects.toThrow("is stored in bf16; experts that stay in the file must be stored in f16 as asked");
  });

  it("refuses to be differentiated", async () => {
    const path = await converted("mixtral", { to: "safetensors", dtype: "BF16" });
    const model = await loadModel(path, { weights: "as-stored", expertCacheBytes: 1e9 });
    const loss = () => tf.sum(model.forward(tf.tensor2d(IDS, undefined, "int32")).logits) as tf.Scalar;
    expect(() => tf.tidy(() => tf.variableGrads(loss))).toThrow("experts that stay in their file have no gradient");
    disposeParameters(model);
  });
});
