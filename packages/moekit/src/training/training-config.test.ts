import { isAbsolute, resolve } from "node:path";
import { isMoekitError } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { parseTrainingConfig, readTrainingConfig, type TrainingInput } from "./training-config.js";

const valid = {
  name: "sea",
  model: { layers: 2, hiddenSize: 32, heads: 2, experts: 4, topK: 2, expertWidth: 16 },
  data: { domains: { sea: { path: "sea.txt" }, code: { path: "code" } }, tokenizer: { vocabSize: 300 } },
  training: { steps: 10, batchSize: 2, sequenceLength: 16, optimizer: { name: "adamw" }, schedule: { name: "cosine", peak: 1e-3 } },
} satisfies TrainingInput;
const withTraining = (change: object) => ({ ...valid, training: { ...valid.training, ...change } });
const olmoe = { model_type: "olmoe", hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 16, num_experts: 4, num_experts_per_tok: 2 };
const jetmoe = { model_type: "jetmoe", hidden_size: 32, num_hidden_layers: 2, num_key_value_heads: 2, kv_channels: 8, intermediate_size: 16, num_local_experts: 4, num_experts_per_tok: 2 };

/** The lines of the error that a config gives. */
function problems(input: unknown): string[] {
  try {
    parseTrainingConfig(input);
  } catch (error) {
    expect(isMoekitError(error, "config")).toBe(true);
    return (error as Error).message.split("\n").slice(1).map((line) => line.trim());
  }
  return [];
}

describe("parseTrainingConfig", () => {
  it("fills in defaults and makes paths absolute from the base folder", () => {
    const config = parseTrainingConfig({ ...valid, out: "run" }, { base: "some/folder" });
    expect(config).toMatchObject({ seed: 0, backend: "auto", training: { accumulate: 1, clipNorm: 1, balancing: [], keepCheckpoints: 2 }, report: { baselines: [2, 3, 5] } });
    expect([config.data.domains.sea!.path, config.out]).toEqual([resolve("some/folder/sea.txt"), resolve("some/folder/run")]);
    expect(isAbsolute(config.data.domains.code!.path)).toBe(true);
  });

  it("takes Hugging Face configs of the known families without vocabulary and positions", () => {
    expect(problems({ ...valid, model: olmoe })).toEqual([]);
    expect(problems({ ...valid, model: { ...olmoe, model_type: "qwen3_moe", moe_intermediate_size: 16 } })).toEqual([]);
    expect(problems({ ...valid, model: { ...olmoe, model_type: "mixtral" } })).toEqual([]);
  });

  it("names every wrong field with its path, unknown keys too, all at once", () => {
    const wrong = { ...valid, nme: 1, data: { domains: {}, tokenizer: {} }, training: { ...valid.training, batchSize: 0, steps: "ten", optimizer: { name: "adamw", beta1: 1, lr: 2 }, schedule: { name: "cosin", peak: 1 } } };
    const lines = problems(wrong);
    expect(lines.map((line) => line.split(":")[0])).toEqual(["data.domains", "training.steps", "training.batchSize", "training.optimizer.beta1", "training.optimizer.lr", "training.schedule.name", "nme"]);
    expect(lines[1]).toBe('training.steps: expected number; got "ten"');
    expect(lines[2]).toBe("training.batchSize: Too small: expected number to be >=1; got 0");
    expect(lines[6]).toBe("nme: unknown key");
  });

  it.each<[string, unknown, string[]]>([
    ["nothing at all", {}, ["name: is missing", "model: is missing", "data: is missing", "training: is missing"]],
    ["something else", 7, ["the config: expected object; got 7"]],
    ["a missing size", { ...valid, model: { ...valid.model, experts: undefined, width: 3 } }, ["model.experts: is missing", "model.width: unknown key"]],
    ["a width that heads do not divide", { ...valid, model: { ...valid.model, heads: 5 } }, ['model: parseConfig: config.json: "head_dim" must be a whole number']],
    ["an unknown family", { ...valid, model: { ...olmoe, model_type: "gpt2" } }, ['model: parseConfig: model_type: unknown name "gpt2"']],
    ["an unknown key of a family", { ...valid, model: { ...olmoe, hiden_size: 3 } }, ['model: parseConfig: config.json: unknown key "hiden_size"']],
    ["a vocabulary below the tokenizer's", { ...valid, model: { ...olmoe, vocab_size: 299 } }, ["model.vocab_size: must be at least the 300 tokens of the tokenizer; got 299"]],
    ["more positions than the model has", { ...valid, model: { ...olmoe, max_position_embeddings: 8 } }, ["training.sequenceLength: must be at most the 8 positions of the model; got 16"]],
    ["no budget", withTraining({ steps: undefined }), ["training: must have either steps or minutes"]],
    ["two budgets", withTraining({ minutes: 2 }), ["training: must have either steps or minutes"]],
    ["two tokenizers", { ...valid, data: { ...valid.data, tokenizer: { vocabSize: 300, file: "a" } } }, ["data.tokenizer: must have either vocabSize or file"]],
    ["half of the weights", { ...valid, data: { ...valid.data, domains: { sea: { path: "a", weight: 1 }, code: { path: "b" } } } }, ["data.domains.code.weight: is missing while"]],
    ["an unknown loss", withTraining({ balancing: [{ name: "zLoss" }, { name: "swich" }] }), ['training.balancing[1]: lossByName: unknown name "swich"']],
    ["an unknown setting of a loss", withTraining({ balancing: [{ name: "zLoss", alpha: 1 }] }), ['training.balancing[0]: lossByName("zLoss"): alpha is not one of its settings']],
    ["coefficients for other layers", withTraining({ balancing: [{ name: "zLoss", coefficient: [1, 2, 3] }] }), ["training.balancing[0].coefficient: must have one number for each of the 2 MoE layers; got 3"]],
    ["coefficients without those of experts in attention", { ...withTraining({ balancing: [{ name: "zLoss", coefficient: [1, 2] }] }), model: jetmoe }, ["training.balancing[0].coefficient: must have one number for each of the 4 MoE layers; got 2"]],
    ["an unknown router", { ...valid, router: { name: "topq" } }, ['router: routerByName: unknown name "topq"']],
    ["an unknown setting of a router", { ...valid, router: { name: "sigmoid", bias2: 1 } }, ['router: bias2 is not a setting of "sigmoid"']],
    ["a bias that the router lacks", withTraining({ lossFreeBias: {} }), ["training.lossFreeBias: needs a router with a selection bias"]],
    ["an unknown backend", { ...valid, backend: "gpu" }, ["backend: Invalid option"]],
    ["a name that leaves the folder", { ...valid, name: "../x" }, ["name: must be a name for a folder"]],
  ])("refuses %s", (_what, input, starts) => {
    const lines = problems(input);
    expect(lines.length).toBe(starts.length);
    starts.forEach((start, i) => expect(lines[i]!.slice(0, start.length)).toBe(start));
  });

  it("accepts a selection bias with a router that has one", () => {
    expect(problems({ ...withTraining({ lossFreeBias: { speed: 0.01 } }), router: { name: "sigmoid" } })).toEqual([]);
  });
});

describe("readTrainingConfig", () => {
  it("says that a file is missing", async () => {
    await expect(readTrainingConfig("nowhere.json")).rejects.toThrow("nowhere.json: cannot be read (ENOENT)");
  });

  it("says that a file is not JSON", async () => {
    await expect(readTrainingConfig(new URL(import.meta.url).pathname)).rejects.toThrow("is not JSON");
  });
});
