import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMoekitError, packMatrix, unpackRows } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/parse-config.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";
import { openWeights } from "../safetensors/sharded.js";
import { FAMILIES, fixtureFolder, fixtureJson } from "../testing/fixtures.js";
import { ggufFamilies } from "./families/index.js";
import { exportGguf } from "./export-gguf.js";
import { formatOf } from "./formats.js";
import { GgufFile } from "./gguf-file.js";
import { openGguf } from "./open-gguf.js";
import { writeGguf, type GgufTensorSource } from "./write.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-gguf-"));
});
afterAll(() => rm(folder, { recursive: true }));

const checkpoint = async (name: string) => ({ config: fixtureJson<Record<string, unknown>>(name, "config.json"), weights: await openWeights(fixtureFolder(name)) });

/** Families that GGUF files can hold, and checkpoints with options that they can say. */
const fixtures = [...FAMILIES.filter((name) => ggufFamilies().includes(name)), "mixtral_window_linear", "olmoe_bias_llama3_renormalised", "qwen3_moe_tied_yarn_window_bias", "phimoe_tied_window_longrope"];

/** What GGUF always says of a family, where the checkpoint says otherwise. */
const usual: Record<string, object> = {
  phimoe_tied_window_longrope: { rope_parameters: { ...fixtureJson<{ rope_parameters: object }>("phimoe_tied_window_longrope", "config.json").rope_parameters, long_mscale: 1.2 }, router_jitter_noise: 0.01 },
  llama4_text: { attention_chunk_size: 8192, no_rope_layers: [1, 1, 1], layer_types: null },
};

describe.each(fixtures)("%s as a GGUF file", (name) => {
  it("comes back bit for bit, under the same names, and means the same", async () => {
    const { config: own, weights } = await checkpoint(name);
    const config = { ...own, ...usual[name] };
    const path = join(folder, `${name}.gguf`);
    await exportGguf({ config, weights }, path);
    const back = await openGguf(path);
    expect([...back.weights.tensors.keys()].sort()).toEqual([...weights.tensors.keys()].sort());
    for (const tensor of weights.tensors.keys()) expect(await back.weights.read(tensor), tensor).toEqual(await weights.read(tensor));
    const { source: _, auxLossCoefficient: __, ...meaning } = parseConfig(back.config) as ReturnType<typeof parseConfig> & { auxLossCoefficient?: number };
    const { source: ___, auxLossCoefficient: ____, ...wanted } = parseConfig(config) as typeof meaning & { source: unknown; auxLossCoefficient?: number };
    expect(meaning).toEqual(wanted);
    await Promise.all([back.weights.close(), weights.close()]);
  });
});

describe("quantised files", () => {
  const config = { model_type: "mixtral", vocab_size: 8, hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 36, num_local_experts: 2, num_experts_per_tok: 1, max_position_embeddings: 16, tie_word_embeddings: true };
  const layer = "model.layers.0.";
  const shapes: Record<string, number[]> = {
    "model.embed_tokens.weight": [8, 64],
    "model.norm.weight": [64],
    [`${layer}input_layernorm.weight`]: [64],
    [`${layer}post_attention_layernorm.weight`]: [64],
    ...Object.fromEntries(["q", "k", "v", "o"].map((part) => [`${layer}self_attn.${part}_proj.weight`, [64, 64]])),
    [`${layer}block_sparse_moe.gate.weight`]: [2, 64],
    ...Object.fromEntries([0, 1].flatMap((e) => [["w1", [36, 64]], ["w3", [36, 64]], ["w2", [64, 36]]].map(([w, shape]) => [`${layer}block_sparse_moe.experts.${e}.${w}.weight`, shape]))),
  };
  const values = (name: string) => Float32Array.from({ length: shapes[name]!.reduce((a, b) => a * b) }, (_, i) => Math.sin(i + name.length));
  const without = (left: readonly string[] = []): TensorReader => ({
    tensors: new Map(Object.entries(shapes).filter(([name]) => !left.includes(name)).map(([name, shape]) => [name, { dtype: "F32", shape, begin: 0, end: 0 }])),
    read: async (name) => ({ shape: shapes[name]!, data: values(name) }),
    readInto: async () => {},
    close: async () => {},
  });

  it("hand out packed rows in Hugging Face order, and fall back where rows are no whole blocks", async () => {
    const path = join(folder, "q8.gguf");
    // Rows of w2 are 36 long: halves. Norms (3) and the router stay float32.
    expect(await exportGguf({ config, weights: without() }, path, { quantize: "q8_0" })).toEqual({ q8_0: 7, f32: 4, f16: 1 });
    const { weights, file } = await openGguf(path);
    expect(file.metadata.count("general.quantization_version")).toBe(2);
    const q = `${layer}self_attn.q_proj.weight`;
    const expected = packMatrix(values(q), [64, 64], formatOf("q8_0")!);
    expect(Buffer.compare((await weights.readPacked(q))!.bytes, expected.bytes)).toBe(0);
    expect((await weights.read(q)).data).toEqual(unpackRows(expected));
    const w3 = `${layer}block_sparse_moe.experts.1.w3.weight`;
    expect((await weights.readPacked(w3))!.bytes).toEqual(packMatrix(values(w3), [36, 64], formatOf("q8_0")!).bytes);
    expect((await weights.readPacked(`${layer}block_sparse_moe.experts.0.w2.weight`))!.format.name).toBe("f16");
    expect(await weights.readPacked(`${layer}block_sparse_moe.gate.weight`)).toBeUndefined();
    await weights.close();
  });

  it("of older programs, with one tensor for each expert, read the same", async () => {
    const [path, older] = [join(folder, "new.gguf"), join(folder, "older.gguf")];
    await exportGguf({ config, weights: without() }, path);
    const file = await GgufFile.open(path);
    const split = [...file.tensors].flatMap(([name, { type, shape }]): [string, GgufTensorSource][] => {
      const part = /^blk\.0\.ffn_(gate|up|down)_exps/.exec(name)?.[1];
      const rows = (first: number, end: number) => async function* () { yield await file.readRows(name, first, end); };
      if (!part) return [[name, { type, shape, values: async function* () { yield await file.readBytes(name); } }]];
      return [0, 1].map((e) => [`blk.0.ffn_${part}.${e}.weight`, { type, shape: shape.slice(1), values: rows(e * shape[1]!, (e + 1) * shape[1]!) }]);
    });
    await writeGguf(older, { metadata: file.metadata, tensors: new Map(split) });
    await file.close();
    const { weights } = await openGguf(older);
    expect([...weights.tensors.keys()].sort()).toEqual(Object.keys(shapes).sort());
    for (const name of Object.keys(shapes)) expect((await weights.read(name)).data, name).toEqual(values(name));
    await weights.close();
  });

  it.each([
    ["a key that GGUF has no place for", { ...config, my_option: 3 }, [], "my_option in config.json cannot be said"],
    ["a value that GGUF has no place for", { ...config, hidden_act: "gelu" }, [], '"hidden_act": "gelu"'],
    ["a rope type that GGUF does not know", { ...config, rope_parameters: { rope_type: "dynamic", rope_theta: 1, factor: 2 } }, [], 'rope type "dynamic"'],
    ["a missing size", { ...config, hidden_size: undefined }, [], '"hidden_size" in config.json must be a whole number'],
    ["a family without architecture", { ...config, model_type: "jetmoe" }, [], 'model_type "jetmoe" has no GGUF architecture'],
  ])("refuse %s", async (_name, changed, left, message) => {
    const path = join(folder, "refused.gguf");
    const error = await exportGguf({ config: changed, weights: without(left) }, path).catch((reason: unknown) => reason);
    expect(isMoekitError(error, "config")).toBe(true);
    expect((error as Error).message).toContain(message);
    expect(existsSync(path)).toBe(false);
  });

  it("refuse tensors that the architecture does not have, on both sides", async () => {
    const path = join(folder, "strange.gguf");
    const strange = without();
    (strange.tensors as Map<string, unknown>).set("model.extra.weight", { dtype: "F32", shape: [1] });
    await expect(exportGguf({ config, weights: strange }, path)).rejects.toThrow("no place for the tensors model.extra.weight");
    const text = (value: string) => ({ type: "string", value }) as const;
    const one = { type: "f32", shape: [1], values: async function* () { yield new Float32Array(1); } } as const;
    await writeGguf(path, { metadata: new Map([["general.architecture", text("unheard")]]), tensors: new Map() });
    await expect(openGguf(path)).rejects.toThrow('architecture "unheard" is unknown');
    await exportGguf({ config, weights: without() }, path);
    const file = await GgufFile.open(path);
    const tensors = new Map<string, GgufTensorSource>([...file.tensors].map(([name, { type, shape }]) => [name, { type, shape, values: async function* () { yield await file.readBytes(name); } }]));
    await writeGguf(`${path}.2`, { metadata: file.metadata, tensors: new Map([...tensors, ["blk.0.strange.weight", one]]) });
    await file.close();
    await expect(openGguf(`${path}.2`)).rejects.toThrow("does not have the tensors blk.0.strange.weight");
  });
});
