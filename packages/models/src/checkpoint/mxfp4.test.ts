/** A checkpoint of gpt-oss whose experts are 4-bit floats computes what transformers computes after unpacking it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeParameters } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { fixtureFolder, fixtureJson, fixtureTensors, useBackend } from "../testing/fixtures.js";
import { referenceSuite } from "../testing/reference-suite.js";
import { parseConfig } from "../config/parse-config.js";
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

  it("are refused under another name or with settings that nobody knows", () => {
    const config = fixtureJson<Record<string, object>>(FIXTURE, "config.json");
    const packed = (change: object) => () => parseConfig({ ...config, quantization_config: { ...config.quantization_config, ...change } });
    expect(packed({})).not.toThrow();
    expect(packed({ quant_method: "mxfp8" })).toThrow('quant_method "mxfp8" is unknown; known are fp8 and mxfp4');
    expect(packed({ block_size: 16 })).toThrow('unknown key "block_size"');
  });
});
