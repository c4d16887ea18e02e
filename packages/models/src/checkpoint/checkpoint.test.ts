import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { disposeParameters, isMoekitError, parameters } from "@moekit/core";
import { routerNames } from "@moekit/routing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel } from "../create-model.js";
import { parseConfig } from "../config/parse-config.js";
import type { MoeTransformer } from "../moe-transformer.js";
import { SafetensorsFile } from "../safetensors/safetensors-file.js";
import { openWeights } from "../safetensors/sharded.js";
import { writeSafetensors } from "../safetensors/write.js";
import { FAMILIES, OPTIONS, fixtureFolder, fixtureJson, fixtureTensors, useBackend } from "../testing/fixtures.js";
import { loadConfig, loadModel } from "./load-model.js";
import { saveModel } from "./save-model.js";

let folder: string;
beforeAll(async () => {
  await useBackend("cpu");
  folder = await mkdtemp(join(tmpdir(), "moekit-checkpoint-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A folder with a fixture's config and the given tensors. */
async function checkpointOf(family: string, change: (tensors: Awaited<ReturnType<typeof fixtureTensors>>) => void): Promise<string> {
  const dir = await mkdtemp(join(folder, "changed-"));
  const tensors = await fixtureTensors(family, "model.safetensors");
  change(tensors);
  await copyFile(join(fixtureFolder(family), "config.json"), join(dir, "config.json"));
  await writeSafetensors(join(dir, "model.safetensors"), tensors);
  return dir;
}

async function readAll(path: string): Promise<Awaited<ReturnType<typeof fixtureTensors>>> {
  const file = await SafetensorsFile.open(path);
  const entries: [string, Awaited<ReturnType<typeof file.read>>][] = [];
  for (const name of file.tensors.keys()) entries.push([name, await file.read(name)]);
  await file.close();
  return Object.fromEntries(entries);
}

describe("saveModel", () => {
  it.each([...FAMILIES, ...OPTIONS])("%s comes back byte for byte as transformers wrote it", async (family) => {
    const model = await loadModel(fixtureFolder(family));
    await saveModel(model, join(folder, family));
    disposeParameters(model);
    const [ours, theirs] = await Promise.all([join(folder, family), fixtureFolder(family)].map((dir) => readFile(join(dir, "model.safetensors"))));
    expect(ours!.equals(theirs!)).toBe(true);
    expect(JSON.parse(await readFile(join(folder, family, "config.json"), "utf8"))).toEqual(fixtureJson(family, "config.json"));
  });

  it("says what a new model's config leaves out, so that transformers takes no token ids from its class", async () => {
    const { architectures: _a, eos_token_id: _e, ...source } = fixtureJson<Record<string, unknown>>("olmoe", "config.json");
    const model = createModel(parseConfig(source), { seed: 1 });
    await saveModel(model, join(folder, "new"));
    const written = JSON.parse(await readFile(join(folder, "new", "config.json"), "utf8")) as Record<string, unknown>;
    expect(written).toEqual({ ...source, architectures: ["OlmoeForCausalLM"], eos_token_id: null });
    disposeParameters(model);
  });

  it("without shared experts there are tensors of no width, as transformers writes them, which may be missing; the bias counts", async () => {
    const config = { ...fixtureJson<object>("deepseek_v2", "config.json"), n_shared_experts: 0, mlp_bias: true };
    const model = createModel(parseConfig(config), { seed: 1 });
    const bias = parameters(model)["layers.1.moe.shared.ffn.down.bias"]!;
    bias.assign(tf.range(0, 32));
    const dir = join(folder, "no-shared");
    await saveModel(model, dir);
    const tensors = await readAll(join(dir, "model.safetensors"));
    expect(tensors["model.layers.1.mlp.shared_experts.up_proj.weight"]!.shape).toEqual([0, 32]);
    expect(tensors["model.layers.1.mlp.shared_experts.down_proj.weight"]!.shape).toEqual([32, 0]);
    await writeSafetensors(join(dir, "model.safetensors"), Object.fromEntries(Object.entries(tensors).filter(([, { data }]) => data.length > 0)));
    const ids = tf.tensor2d([[5, 6, 7]], undefined, "int32");
    const logits = (of: MoeTransformer) => tf.tidy(() => [...of.forward(ids).logits.dataSync()]);
    const [again, packed] = [await loadModel(dir), await loadModel(dir, { weights: "bf16" })];
    expect(logits(again)).toEqual(logits(model));
    expect(logits(packed)).toHaveLength(3 * 160);
    bias.assign(tf.zeros([32]));
    expect(logits(again)).not.toEqual(logits(model));
    tf.dispose(ids);
    for (const each of [model, again, packed]) disposeParameters(each);
  });

  it("an only expert is a tensor like any other", async () => {
    const model = createModel(parseConfig({ ...fixtureJson<object>("hunyuan_v1_moe", "config.json"), num_experts: 1, moe_topk: 1 }), { seed: 1 });
    const dir = join(folder, "one-expert");
    await saveModel(model, dir);
    const again = await loadModel(dir);
    const [saved, loaded] = [parameters(model), parameters(again)];
    for (const [path, variable] of Object.entries(loaded)) expect([...variable.dataSync()], path).toEqual([...saved[path]!.dataSync()]);
    const file = await SafetensorsFile.open(join(dir, "model.safetensors"));
    expect((await file.read("model.layers.1.mlp.experts.0.up_proj.weight")).data).toEqual(saved["layers.1.moe.experts.up"]!.dataSync());
    await file.close();
    disposeParameters(model);
    disposeParameters(again);
  });

  it("shards hold the same tensors, each file within the limit", async () => {
    const model = await loadModel(fixtureFolder("olmoe"));
    const dir = join(folder, "sharded");
    await saveModel(model, dir, { maxShardBytes: 60_000 });
    const names = (await readdir(dir)).sort();
    expect(names.slice(0, 2)).toEqual(["config.json", "model-00001-of-00004.safetensors"]);
    const reader = await openWeights(dir);
    const want = await fixtureTensors("olmoe", "model.safetensors");
    expect([...reader.tensors.keys()].sort()).toEqual(Object.keys(want).sort());
    for (const name of reader.tensors.keys()) expect(await reader.read(name)).toEqual(want[name]);
    await reader.close();
    disposeParameters(model);
    disposeParameters(await loadModel(dir));
  });

  it("a single file replaces the shards of an earlier save, and other files stay", async () => {
    const model = await loadModel(fixtureFolder("mixtral"));
    const dir = join(folder, "replaced");
    await mkdir(dir);
    await writeFile(join(dir, "tokenizer.json"), "{}");
    await saveModel(model, dir, { maxShardBytes: 100_000 });
    await saveModel(model, dir);
    expect((await readdir(dir)).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    disposeParameters(model);
  });

  it("bfloat16 halves the file, names its dtype and rounds within 2^-8", async () => {
    const model = await loadModel(fixtureFolder("qwen3_moe"));
    const dir = join(folder, "bf16");
    await saveModel(model, dir, { dtype: "BF16" });
    const again = await loadModel(dir);
    expect((again.config.source as { dtype: string }).dtype).toBe("bfloat16");
    const rounded = parameters(again);
    for (const [path, variable] of Object.entries(parameters(model))) {
      const difference = tf.tidy(() => tf.max(tf.abs(tf.sub(tf.div(rounded[path]!, variable), 1))).dataSync()[0]!);
      expect(difference, path).toBeLessThanOrEqual(2 ** -8);
    }
    disposeParameters(model);
    disposeParameters(again);
  });

  it("a failure while writing leaves the old checkpoint as it was", async () => {
    const dir = join(folder, "failing");
    const model = await loadModel(fixtureFolder("mixtral"));
    await saveModel(model, dir);
    const before = await readFile(join(dir, "model.safetensors"));
    parameters(model)["norm.weight"]!.assign(tf.fill([32], 1e38));
    await expect(saveModel(model, dir, { dtype: "F16" })).rejects.toThrow("does not fit F16");
    expect((await readFile(join(dir, "model.safetensors"))).equals(before)).toBe(true);
    expect((await readdir(dir)).filter((name) => name.endsWith(".partial"))).not.toContain("model.safetensors.partial");
    disposeParameters(model);
  });
});

describe("tensors that a file need not have", () => {
  it("tables of positions, and the head of tied embeddings, are left aside; a head that is not tied is not", async () => {
    const spare = { shape: [4], data: new Float32Array(4) };
    const old = await checkpointOf("llama", (tensors) => void (tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = spare));
    disposeParameters(await loadModel(old));
    const tied = "qwen3_moe_tied_yarn_window_bias";
    const twice = await checkpointOf(tied, (tensors) => void (tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]!));
    disposeParameters(await loadModel(twice));
    const odd = await checkpointOf("llama", (tensors) => void (tensors["lm_head.scale"] = spare));
    await expect(loadModel(odd)).rejects.toThrow("Unexpected: lm_head.scale");
  });
});

describe("weights that are not numbers", () => {
  it.each([NaN, Infinity, -Infinity])("%s is named with its place", async (value) => {
    const dir = await checkpointOf("qwen3_moe", (tensors) => (tensors["model.layers.1.mlp.experts.3.up_proj.weight"]!.data[17] = value));
    const error = await loadModel(dir).catch((reason: unknown) => reason);
    expect(isMoekitError(error, "checkpoint")).toBe(true);
    expect((error as Error).message).toContain(`"model.layers.1.mlp.experts.3.up_proj.weight" has ${value} at element 17`);
  });
});

describe("a router that the family does not have", () => {
  const source = fixtureJson<Record<string, unknown>>("olmoe", "config.json");
  const logits = (model: MoeTransformer) => tf.tidy(() => [...model.forward(tf.tensor2d([[5, 6, 7, 8]], [1, 4], "int32")).logits.dataSync()]);

  it.each(routerNames)("%s is saved and loaded with all its parameters", async (name) => {
    const model = createModel(parseConfig(source), { seed: 1, router: { name } });
    // Whatever state the router has, so that nothing is forgotten: an expert bias starts at 0.
    for (const [path, variable] of Object.entries(parameters(model))) if (path.includes(".router.")) tf.tidy(() => variable.assign(tf.randomNormal(variable.shape, 0, 0.3, "float32", path.length)));
    const dir = join(folder, `own-${name}`);
    await saveModel(model, dir);
    const again = await loadModel(dir);
    expect(again.config.source).toMatchObject({ model_type: "moekit_olmoe", architectures: ["MoekitForCausalLM"], moekit_router: { name } });
    expect(Object.keys(parameters(again))).toEqual(Object.keys(parameters(model)));
    expect(logits(again)).toEqual(logits(model));
    disposeParameters(model);
    disposeParameters(again);
  });

  it("a wrong setting is named", () => {
    expect(() => createModel(parseConfig(source), { seed: 1, router: { name: "sigmoid", scale: 2 } })).toThrow("scale is not one of its settings");
  });
});

describe("loadModel", () => {
  it("leaves no tensors behind, whether it succeeds or not", async () => {
    const before = tf.memory().numTensors;
    disposeParameters(await loadModel(fixtureFolder("qwen3_moe")));
    const broken = await checkpointOf("qwen3_moe", (tensors) => delete tensors["model.norm.weight"]);
    await expect(loadModel(broken)).rejects.toThrow("Missing: model.norm.weight.");
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([
    ["a missing expert", (t: Record<string, unknown>) => delete t["model.layers.1.mlp.experts.3.up_proj.weight"], "Missing: model.layers.1.mlp.experts.3.up_proj.weight"],
    ["a tensor nobody uses", (t: Record<string, unknown>) => (t["model.layers.0.mlp.experts.8.up_proj.weight"] = { shape: [1], data: new Float32Array(1) }), "Unexpected: model.layers.0.mlp.experts.8.up_proj.weight"],
    ["a tensor of another shape", (t: Record<string, unknown>) => (t["model.norm.weight"] = { shape: [31], data: new Float32Array(31) }), "model.norm.weight must be [32], is [31]"],
  ])("names %s", async (_name, change, message) => {
    const dir = await checkpointOf("olmoe", change);
    const error = await loadModel(dir).catch((reason: unknown) => reason);
    expect(isMoekitError(error, "checkpoint")).toBe(true);
    expect((error as Error).message).toContain(message);
  });

  it("refuses integers where weights should be", async () => {
    const dir = await checkpointOf("olmoe", (tensors) => (tensors["model.norm.weight"] = { shape: [32], data: new Int32Array(32) }));
    await expect(loadModel(dir)).rejects.toThrow('"model.norm.weight" [32] of I32 needs a Int32Array');
  });

  it("a file cut short anywhere is a CheckpointError", async () => {
    const bytes = await readFile(join(fixtureFolder("mixtral"), "model.safetensors"));
    const dir = join(folder, "cut");
    await mkdir(dir);
    await copyFile(join(fixtureFolder("mixtral"), "config.json"), join(dir, "config.json"));
    for (const length of [0, 7, 8, 5000, 9000, bytes.length - 1]) {
      await writeFile(join(dir, "model.safetensors"), bytes.subarray(0, length));
      await expect(loadModel(dir)).rejects.toSatisfy((error) => isMoekitError(error, "checkpoint"));
    }
  });

  it("a folder without config.json or with a broken one is a CheckpointError", async () => {
    const dir = await mkdtemp(join(folder, "config-"));
    await expect(loadConfig(dir)).rejects.toThrow("missing or not JSON");
    await writeFile(join(dir, "config.json"), "[1]");
    await expect(loadConfig(dir)).rejects.toThrow("must be a JSON object");
  });

  it("a tied head has no tensor of its own, in the file and in the model", async () => {
    const config = parseConfig({ ...fixtureJson<object>("qwen3_moe", "config.json"), tie_word_embeddings: true });
    const model = createModel(config, { seed: 1 });
    const dir = join(folder, "tied");
    await saveModel(model, dir);
    const file = await SafetensorsFile.open(join(dir, "model.safetensors"));
    expect(file.tensors.has("lm_head.weight")).toBe(false);
    await file.close();
    const again = await loadModel(dir);
    expect(again.head).toBeUndefined();
    disposeParameters(model);
    disposeParameters(again);
  });
});
