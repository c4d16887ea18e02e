import { disposeParameters, parameters } from "@moekit/core";
import { beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "./checkpoint/load-model.js";
import { parseConfig } from "./config/parse-config.js";
import { modelSize } from "./counting.js";
import { FAMILIES, OPTIONS, fixtureFolder, fixtureJson, useBackend } from "./testing/fixtures.js";

const sizes = { vocab_size: 50304, hidden_size: 2048, num_hidden_layers: 16, num_attention_heads: 16, num_key_value_heads: 16, intermediate_size: 1024 };
const olmoe = parseConfig({ model_type: "olmoe", ...sizes, num_experts: 64, num_experts_per_tok: 8, max_position_embeddings: 4096 });

describe("modelSize", () => {
  beforeAll(() => useBackend("cpu"));

  it.each([...FAMILIES, ...OPTIONS])("counts the parameters that %s really has", async (family) => {
    const model = await loadModel(fixtureFolder(family));
    const real = Object.entries(parameters(model)).reduce((sum, [path, { size }]) => sum + (path.includes(".decay.") ? 0 : size), 0);
    expect(modelSize(model.config).parameters).toBe(real);
    disposeParameters(model);
  });

  it("knows the size of OLMoE: 6.9 billion parameters, 1.3 billion active", () => {
    const { parameters: total, activeParameters, layers } = modelSize(olmoe);
    expect(total).toBe(6_919_161_856);
    expect(activeParameters).toBe(1_282_017_280);
    expect(layers[0]).toMatchObject({ kind: "moe", numExperts: 64, topK: 8, width: 1024, parametersPerExpert: 3 * 2048 * 1024 });
  });

  it("a weight costs 2 operations, a key seen 4 per head dimension, training three times the forward pass", () => {
    const { activeParameters, forwardFlopsPerToken, trainingFlopsPerToken } = modelSize(olmoe, 1000);
    expect(forwardFlopsPerToken).toBe(2 * (activeParameters - 50304 * 2048) + 16 * 4 * 2048 * 1000);
    expect(trainingFlopsPerToken).toBe(3 * forwardFlopsPerToken);
  });

  it("a window limits the keys, a tied table is counted once and still multiplies", () => {
    const config = (change: object) => modelSize(parseConfig({ ...fixtureJson<object>("mixtral", "config.json"), ...change }), 100);
    expect(config({}).forwardFlopsPerToken - config({ sliding_window: 10 }).forwardFlopsPerToken).toBe(3 * 4 * 32 * 90);
    expect(config({}).parameters - config({ tie_word_embeddings: true }).parameters).toBe(160 * 32);
    expect(config({ tie_word_embeddings: true }).forwardFlopsPerToken).toBe(config({}).forwardFlopsPerToken);
  });
});
