/** Files quantised by llama.cpp's own tool; fixtures/gguf/record-llama-quantize.mjs made them. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { disposeParameters } from "@moekit/core";
import { beforeAll, describe, expect, it } from "vitest";
import { packedWeights } from "../blocks/packed-weight.js";
import { loadModel } from "../checkpoint/load-model.js";
import type { WeightFormat } from "../checkpoint/load-options.js";
import { fixtureFolder, maxDifference, useBackend } from "../testing/fixtures.js";
import { GgufFile } from "./gguf-file.js";

interface Recorded {
  readonly ids: number[];
  readonly logits: string;
  readonly tensors: Record<string, { type: string; sha256: string }>;
}

describe.each(["qwen3_moe-Q3_K_M", "mixtral-IQ4_XS", "gpt_oss-MXFP4_MOE"])("%s of llama-quantize", (name) => {
  const path = fixtureFolder(`gguf/llama-quantize/${name}.gguf`);
  const { ids, logits, tensors } = JSON.parse(readFileSync(path.replace(".gguf", ".json"), "utf8")) as Recorded;
  const want = new Float32Array(new Uint8Array(Buffer.from(logits, "base64")).buffer);
  beforeAll(() => useBackend("cpu"));

  it("has the types of the recording, and every tensor the bits that llama.cpp unpacks", async () => {
    const file = await GgufFile.open(path);
    expect([...file.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
    for (const [tensor, { type, sha256 }] of Object.entries(tensors)) {
      expect(file.info(tensor).type, tensor).toBe(type);
      expect(createHash("sha256").update(new Uint8Array((await file.readRows(tensor)).buffer)).digest("hex"), tensor).toBe(sha256);
    }
    await file.close();
  });

  it.each<WeightFormat>(["float32", "as-stored"])("has llama.cpp's logits with %s weights", async (weights) => {
    const model = await loadModel(path, { weights });
    const got = tf.tidy(() => model.forward(tf.tensor2d([ids], undefined, "int32")).logits.dataSync() as Float32Array);
    const formats = new Set(Object.values(packedWeights(model)).map(({ matrix }) => matrix.format.name));
    disposeParameters(model);
    expect(maxDifference(got, want)).toBeLessThan(2e-6);
    const stored = Object.values(tensors).map(({ type }) => type).filter((type) => type !== "f32");
    expect(formats).toEqual(new Set(weights === "as-stored" ? stored : []));
  });
});
