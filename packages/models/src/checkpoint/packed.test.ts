/** Models whose matrices stay packed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { disposeParameters, parameters } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packedWeights } from "../blocks/packed-weight.js";
import { generate } from "../generation/generate.js";
import { scoreModel } from "../scoring/score.js";
import { FAMILIES, fixtureFolder, maxDifference, useBackend } from "../testing/fixtures.js";
import { convertCheckpoint } from "./convert.js";
import { loadModel } from "./load-model.js";
import type { WeightFormat } from "./load-options.js";
import { saveModel } from "./save-model.js";

describe("packed weights", () => {
  let folder: string;
  beforeAll(async () => {
    await useBackend("cpu");
    folder = await mkdtemp(join(tmpdir(), "moekit-packed-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function logitsOf(path: string, weights: WeightFormat) {
    const model = await loadModel(path, { weights });
    const { logits } = await scoreModel(model, [[5, 9, 3, 7, 11, 2]]);
    disposeParameters(model);
    return logits!.data;
  }

  it.each(FAMILIES)("%s computes on bf16 what it computes with the same numbers in float32", async (family) => {
    const half = join(folder, family);
    await convertCheckpoint(fixtureFolder(family), half, { to: "safetensors", dtype: "BF16" });
    const rounded = await logitsOf(half, "float32");
    expect(maxDifference(await logitsOf(half, "bf16"), rounded)).toBeLessThan(2e-6);
    expect(maxDifference(await logitsOf(fixtureFolder(family), "bf16"), await logitsOf(fixtureFolder(family), "float32"))).toBeLessThan(0.1);
  });

  it.each(FAMILIES)("%s keeps no matrix as numbers but what decides and what is small", async (family) => {
    const model = await loadModel(fixtureFolder(family), { weights: "bf16" });
    const matrices = Object.entries(parameters(model)).filter(([, { shape }]) => shape.filter((size) => size > 1).length > 1).map(([path]) => path.replace(/layers\.\d+\./, ""));
    disposeParameters(model);
    // The up projections of latent attention are multiplied from both sides; decays are functions of positions.
    const kept = /router\.weight$|Bias$|shared\.gate$|attention\.(keyUp|valueUp)$|attention\.decay\./;
    expect(matrices.filter((path) => !kept.test(path))).toEqual([]);
  });

  it("keeps the blocks of a GGUF file as they are, experts and all", async () => {
    const file = join(folder, "qwen3_moe.gguf");
    await convertCheckpoint(fixtureFolder("qwen3_moe"), file, { to: "gguf", quantize: "q8_0" });
    const model = await loadModel(file, { weights: "as-stored" });
    const weights = packedWeights(model);
    expect(weights["layers.0.attention.query.weight"]!.matrix.format.name).toBe("q8_0");
    expect(weights["layers.1.moe.experts.gate"]!.matrix.shape).toEqual([8 * 16, 32]);
    expect(Object.keys(parameters(model)).filter((path) => path.includes("experts") || path.includes("attention.query.w"))).toEqual([]);
    disposeParameters(model);
    expect(maxDifference(await logitsOf(file, "as-stored"), await logitsOf(file, "float32"))).toBeLessThan(2e-6);
  });

  it("generates, and is saved as the numbers it computes with", async () => {
    const model = await loadModel(fixtureFolder("olmoe"), { weights: "q8_0" });
    const ids: number[] = [];
    for await (const id of generate(model, [5, 7], { maxNewTokens: 6, stop: [] })) ids.push(id);
    await saveModel(model, join(folder, "saved"));
    disposeParameters(model);
    const again = await loadModel(join(folder, "saved"));
    const same: number[] = [];
    for await (const id of generate(again, [5, 7], { maxNewTokens: 6, stop: [] })) same.push(id);
    disposeParameters(again);
    expect(same).toEqual(ids);
  });

  it("leaves no tensors behind", async () => {
    const before = tf.memory().numTensors;
    disposeParameters(await loadModel(fixtureFolder("mixtral"), { weights: "f16" }));
    expect(tf.memory().numTensors).toBe(before);
  });

  it("says what to do where a file has float32, and names the formats", async () => {
    await expect(loadModel(fixtureFolder("llama"), { weights: "as-stored" })).rejects.toThrow('Say which format to pack it in, e.g. weights: "bf16"');
    await expect(loadModel(fixtureFolder("llama"), { weights: "q3" as WeightFormat })).rejects.toThrow('unknown name "q3"');
  });
});
