/** What config.json says comes back from a GGUF file, or is refused; settings that no checkpoint of the fixtures has. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeParameters } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convertCheckpoint } from "../checkpoint/convert.js";
import { loadModel } from "../checkpoint/load-model.js";
import { saveModel } from "../checkpoint/save-model.js";
import { parseConfig } from "../config/parse-config.js";
import { MoeTransformer } from "../moe-transformer.js";
import { scoreModel } from "../scoring/score.js";
import { fixtureJson, maxDifference, useBackend } from "../testing/fixtures.js";

let folder: string;
beforeAll(async () => {
  await useBackend("cpu");
  folder = await mkdtemp(join(tmpdir(), "moekit-round-trip-"));
});
afterAll(() => rm(folder, { recursive: true }));

const IDS = [Array.from({ length: 20 }, (_, i) => 3 + 7 * i)];

async function logitsOf(path: string): Promise<ArrayLike<number>> {
  const model = await loadModel(path);
  const { logits } = await scoreModel(model, IDS);
  disposeParameters(model);
  return logits!.data;
}

/** The name of a folder with a new model of a fixture's config, changed. */
async function save(family: string, change: object): Promise<string> {
  // Large weights, so that positions matter.
  const model = new MoeTransformer(parseConfig({ ...fixtureJson<object>(family, "config.json"), ...change }), { seed: 3, std: 0.3, residualStd: 0.3, tableStd: 0.5 });
  const dir = await mkdtemp(join(folder, family));
  await saveModel(model, dir);
  disposeParameters(model);
  return dir;
}

const yarn = { rope_type: "yarn", rope_theta: 1000, factor: 4, original_max_position_embeddings: 8 };
const factors = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i / 4);

describe("a GGUF file", () => {
  it.each([
    ["deepseek_v3", "YaRN that scales scores", { rope_parameters: { ...yarn, mscale: 0.707, mscale_all_dim: 0.707 } }],
    ["deepseek_v3", "YaRN that scales cos and sin", { rope_parameters: yarn }],
    ["llama", "LongRoPE with a factor of its own", { rope_parameters: { rope_type: "longrope", rope_theta: 1000, factor: 3, original_max_position_embeddings: 8, short_factor: factors(1, 4), long_factor: factors(2, 4) } }],
    ["gpt_oss", "the positions of its class", { rope_parameters: undefined }],
    ["glm4_moe", "the inner of two shares of the head that turn, and no shared experts", { partial_rotary_factor: 0.5, rope_parameters: { rope_type: "default", rope_theta: 1000, partial_rotary_factor: 1 }, n_shared_experts: 0 }],
    ["granitemoe", "the whole share of a head, and a rate of dropout", { hidden_size: 34, attention_dropout: 0.1, max_length: 20, position_embedding_type: "rope" }],
  ])("of %s keeps %s", async (family, _what, change) => {
    const dir = await save(family, change);
    await convertCheckpoint(dir, join(dir, "model.gguf"), { to: "gguf" });
    const [original, converted] = [await logitsOf(dir), await logitsOf(join(dir, "model.gguf"))];
    expect(maxDifference(converted, original)).toBeLessThan(1e-4);
  });

  it.each([
    ["llama", { rope_parameters: { ...yarn, mscale: 1, mscale_all_dim: 1 } }, "the attention_factor 1 of YaRN"],
    ["deepseek_v3", { rope_parameters: { ...yarn, mscale_all_dim: 1 } }, "the attention_factor 1.138"],
    ["glm4_moe", { head_dim: 10, rope_parameters: { rope_type: "default", partial_rotary_factor: 0.5 } }, "partial_rotary_factor 0.5 of head_dim 10 must be an even number"],
  ])("of %s cannot say %j", async (family, change, message) => {
    const dir = await save(family, change);
    await expect(convertCheckpoint(dir, join(dir, "model.gguf"), { to: "gguf" })).rejects.toThrow(message);
  });
});
