/** A checkpoint of gpt-oss whose experts are 4-bit floats computes what transformers computes after unpacking it. */
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeParameters, packedBytes } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { fixtureFolder, fixtureJson, fixtureTensors, maxDifference, rowsOf, useBackend } from "../testing/fixtures.js";
import { referenceSuite } from "../testing/reference-suite.js";
import { packedWeights } from "../blocks/packed-weight.js";
import { parseConfig } from "../config/parse-config.js";
import { scoreModel } from "../scoring/score.js";
import { SafetensorsFile } from "../safetensors/safetensors-file.js";
import { loadConfig, loadModel } from "./load-model.js";
import { saveModel } from "./save-model.js";

const FIXTURE = "gpt_oss_mxfp4";

referenceSuite(() => useBackend("cpu"), [FIXTURE]);

describe("experts of 4-bit floats", () => {
  it("are saved unpacked, and say so", async () => {
    const folder = await mkdtemp(join(tmpdir(), "moekit-mxfp4-"));
    const [model, files] = [await loadModel(fixtureFolder(FIXTURE)), await fixtureTensors(FIXTURE, "model.safetensors")];
    await saveModel(model, folder);
    disposeParameters(model);
    const saved = await SafetensorsFile.open(join(folder, "model.safetensors"));
    const { shape, data } = await saved.read("model.layers.1.mlp.experts.gate_up_proj");
    await saved.close();
    expect(shape).toEqual([3, 32, 64]);
    // Expert 2, row 5, number 7: the high half of byte 3 of its only block.
    const block = 2 * 64 + 5;
    const code = files["model.layers.1.mlp.experts.gate_up_proj_blocks"]!.data[16 * block + 3]! >> 4;
    const scale = files["model.layers.1.mlp.experts.gate_up_proj_scales"]!.data[block]!;
    expect(data[(2 * 32 + 7) * 64 + 5]).toBe([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6][code]! * 2 ** (scale - 127));
    expect((await loadConfig(folder)).source.quantization_config).toBeUndefined();
    await rm(folder, { recursive: true });
  });

  it("stay packed where asked to, bit for bit, and compute the same", async () => {
    const folder = await mkdtemp(join(tmpdir(), "moekit-mxfp4-"));
    await copyFile(join(fixtureFolder(FIXTURE), "config.json"), join(folder, "config.json"));
    await writeFile(join(folder, "model.safetensors"), withBf16(await readFile(join(fixtureFolder(FIXTURE), "model.safetensors"))));
    const ids = rowsOf((await fixtureTensors(FIXTURE, "expected.safetensors")).input_ids!);
    const [packed, plain] = [await loadModel(folder, { weights: "as-stored" }), await loadModel(folder)];
    const weights = packedWeights(packed);
    const { format, shape, bytes } = weights["layers.1.moe.experts.up"]!.matrix;
    expect([format.name, shape, bytes.length]).toEqual(["mxfp4", [3 * 32, 32], packedBytes([96, 32], format)]);
    expect(weights["layers.1.moe.experts.down"]!.matrix.format.name).toBe("mxfp4");
    expect(weights["layers.1.attention.query.weight"]!.matrix.format.name).toBe("bf16");
    const [got, want] = [await scoreModel(packed, ids), await scoreModel(plain, ids)];
    expect(maxDifference(got.logits!.data, want.logits!.data)).toBeLessThan(1e-5);
    const inFile = await loadModel(folder, { weights: "as-stored", expertCacheBytes: 2 * 3 * packedBytes([32, 32], format) });
    expect((await scoreModel(inFile, ids)).logits!.data).toEqual(got.logits!.data);
    disposeParameters(inFile);
    // Down: row o of expert e holds inputs in the order of ggml, which unpacks to the column o of the plain matrix.
    const values = new Float32Array(96 * 32);
    format.decode(weights["layers.1.moe.experts.down"]!.matrix.bytes, values);
    const down = plain.layers[1]!.moe!.experts as unknown as { readonly down: { dataSync(): Float32Array } };
    expect(maxDifference(values, down.down.dataSync())).toBe(0); // ggml has no -0
    disposeParameters(packed);
    disposeParameters(plain);
    await rm(folder, { recursive: true });
  });

  it("are refused under another name or with settings that nobody knows", () => {
    const config = fixtureJson<Record<string, object>>(FIXTURE, "config.json");
    const packed = (change: object) => () => parseConfig({ ...config, quantization_config: { ...config.quantization_config, ...change } });
    expect(packed({})).not.toThrow();
    expect(packed({ quant_method: "mxfp8" })).toThrow('quant_method "mxfp8" is unknown; known are fp8 and mxfp4');
    expect(packed({ block_size: 16 })).toThrow('unknown key "block_size"');
  });
});

/** The same file with its float32 tensors cut to bfloat16. */
function withBf16(file: Buffer): Uint8Array {
  const end = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, end)) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  const parts: Uint8Array[] = [];
  let at = 0;
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__").map(([name, { dtype, shape, data_offsets: [from, to] }]) => {
    const bytes = file.subarray(end + from, end + to);
    const kept = dtype === "F32" ? bytes.filter((_, i) => i % 4 > 1) : bytes;
    parts.push(kept);
    return [name, { dtype: dtype === "F32" ? "BF16" : dtype, shape, data_offsets: [at, (at += kept.length)] }] as const;
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...parts]);
}
