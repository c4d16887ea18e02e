import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeParameters, isMoekitError } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig, loadModel } from "../checkpoint/load-model.js";
import { openCheckpoint } from "../checkpoint/open-checkpoint.js";
import { saveModel } from "../checkpoint/save-model.js";
import { parseConfig } from "../config/parse-config.js";
import { scoreModel } from "../scoring/score.js";
import { fixtureFolder, fixtureJson, fixtureTensors, maxDifference, relativeDifference, rowsOf, useBackend } from "../testing/fixtures.js";
import { BlockScaledTensors } from "./block-scaled.js";
import { SafetensorsFile } from "./safetensors-file.js";

const FP8 = "deepseek_v3_fp8";

interface Tensor {
  readonly dtype: "F8_E4M3" | "F32";
  readonly shape: readonly number[];
  readonly bytes: readonly number[];
}

const floats = (shape: readonly number[], ...values: number[]): Tensor => ({ dtype: "F32", shape, bytes: [...new Uint8Array(new Float32Array(values).buffer)] });
/** 0x38 is 1, 0x40 is 2. */
const codes = (shape: readonly number[], bytes: readonly number[]): Tensor => ({ dtype: "F8_E4M3", shape, bytes });

async function fileOf(tensors: Readonly<Record<string, Tensor>>): Promise<SafetensorsFile> {
  let at = 0;
  const header = Object.fromEntries(Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => [name, { dtype, shape, data_offsets: [at, (at += bytes.length)] }]));
  const json = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + at);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(Object.values(tensors).flatMap(({ bytes }) => bytes), 8 + json.length);
  return SafetensorsFile.fromBytes(file);
}

describe("BlockScaledTensors", () => {
  it("multiplies each block by its scale, smaller ones at the edges too", async () => {
    const weight = codes([3, 5], Array.from({ length: 15 }, (_, i) => (i === 14 ? 0x40 : 0x38)));
    const tensors = new BlockScaledTensors(await fileOf({ w: weight, w_scale_inv: floats([2, 3], 1, 2, 3, 4, 5, 6) }), [2, 2]);
    const { shape, data } = await tensors.read("w");
    expect(shape).toEqual([3, 5]);
    expect([...data]).toEqual([1, 1, 2, 2, 3, 1, 1, 2, 2, 3, 4, 4, 5, 5, 12]);
  });

  it("starts anew with each matrix of a bank", async () => {
    const bank = codes([2, 3, 2], new Array<number>(12).fill(0x38));
    const tensors = new BlockScaledTensors(await fileOf({ w: bank, w_scale_inv: floats([2, 2, 1], 1, 2, 3, 4) }), [2, 2]);
    expect([...(await tensors.read("w")).data]).toEqual([1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4]);
  });

  it("shows plain names, and leaves other tensors as they are", async () => {
    const tensors = new BlockScaledTensors(await fileOf({ w: codes([1, 1], [0x38]), w_scale_inv: floats([1, 1], 7), b: floats([1], 3), b_scale_inv: floats([1], 9) }), [128, 128]);
    expect([...tensors.tensors.keys()]).toEqual(["w", "b", "b_scale_inv"]);
    expect([...(await tensors.read("b")).data]).toEqual([3]);
    expect(await tensors.readPacked("w")).toBeUndefined();
    const target = new Float32Array(1);
    await tensors.readInto("w", target);
    expect([...target]).toEqual([7]);
    await expect(tensors.read("v")).rejects.toThrow('no tensor "v"');
  });

  it.each([
    ["no scales", { w: codes([1, 1], [0]) }, '"w_scale_inv" with its scales is not there'],
    ["scales of other blocks", { w: codes([3, 1], [0, 0, 0]), w_scale_inv: floats([1, 1], 1) }, '"w_scale_inv" must be [2,1], one scale for each block of 2 x 2 of [3,1]; it is [1,1]'],
    ["a vector", { w: codes([1], [0]), w_scale_inv: floats([1], 1) }, "it must be a matrix; its shape is [1]"],
  ])("names the tensor with %s", async (_name, tensors: Record<string, Tensor>, message) => {
    const file = await fileOf(tensors);
    const problem = (): unknown => {
      try {
        return new BlockScaledTensors(file, [2, 2]);
      } catch (error) {
        return error;
      }
    };
    expect(isMoekitError(problem(), "checkpoint")).toBe(true);
    expect((problem() as Error).message).toContain(message);
  });
});

describe("a checkpoint of 8-bit floats as DeepSeek publishes them", () => {
  let folder: string;
  beforeAll(async () => {
    await useBackend("cpu");
    folder = await mkdtemp(join(tmpdir(), "moekit-fp8-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("its matrices are those of PyTorch, bit for bit", async () => {
    const expected = await fixtureTensors(FP8, "expected.safetensors");
    const { weights } = await openCheckpoint(fixtureFolder(FP8));
    const matrices = Object.keys(expected).filter((name) => name.endsWith(".weight"));
    expect(matrices).toHaveLength(2);
    for (const name of matrices) expect(await weights.read(name)).toEqual(expected[name]);
    expect([...weights.tensors.keys()].filter((name) => name.includes("scale"))).toEqual([]);
    await weights.close();
  });

  it("has the logits of transformers within 2e-4, and the same after it was saved in float32", async () => {
    const expected = await fixtureTensors(FP8, "expected.safetensors");
    const model = await loadModel(fixtureFolder(FP8));
    const scores = await scoreModel(model, rowsOf(expected.input_ids!));
    expect(maxDifference(scores.logits!.data, expected.logits!.data)).toBeLessThan(2e-4);
    await saveModel(model, folder);
    disposeParameters(model);
    const again = await loadModel(folder);
    expect(again.config.source).not.toHaveProperty("quantization_config");
    expect((await scoreModel(again, rowsOf(expected.input_ids!))).logits).toEqual(scores.logits);
    disposeParameters(again);
  });

  it("is packed anew where asked to", async () => {
    const expected = await fixtureTensors(FP8, "expected.safetensors");
    const model = await loadModel(fixtureFolder(FP8), { weights: "bf16" });
    const { logits } = await scoreModel(model, rowsOf(expected.input_ids!));
    expect(relativeDifference(logits!.data, expected.logits!.data)).toBeLessThan(0.01);
    disposeParameters(model);
    await expect(loadModel(fixtureFolder(FP8), { weights: "as-stored" })).rejects.toThrow("in 8-bit floats with scales");
  });

  it.each([
    [{ quant_method: "awq" }, 'quant_method "awq" is unknown'],
    [{ fmt: "e5m2" }, 'fmt = "e5m2" is not supported'],
    [{ activation_scheme: "static" }, 'activation_scheme = "static" is not supported'],
    [{ weight_block_size: [16.5, 12] }, "weight_block_size must be two whole numbers"],
    [{ bits: 8 }, 'unknown key "bits"'],
  ])("refuses %j", (change, message) => {
    const source = fixtureJson<{ quantization_config: object }>(FP8, "config.json");
    expect(() => parseConfig({ ...source, quantization_config: { ...source.quantization_config, ...change } })).toThrow(message);
  });

  it("sharpens the scores as YaRN does, by (0.1 ln 40 + 1)^2", async () => {
    const { attention } = (await loadConfig(fixtureFolder(FP8))).layers[0]!;
    expect(attention).toMatchObject({ kind: "latent", scale: expect.closeTo(1.8738542 / 4, 6), rotary: { layout: "interleaved" } });
  });
});
