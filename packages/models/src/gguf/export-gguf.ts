import { CheckpointError, ConfigError } from "@moekit/core";
import type { HuggingFaceConfig } from "../config/model-config.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";
import { familyOfModelType } from "./families/index.js";
import type { GgufFamily } from "./families/gguf-family.js";
import { text, u32 } from "./mapping/config-rule.js";
import { matricesOf, nameOf, patternOf, type Matrices, type TensorRule } from "./mapping/tensor-rule.js";
import type { GgufValue } from "./metadata.js";
import { typeFacts, type GgufTensorType } from "./tensor-types.js";
import { writeGguf, type GgufTensorSource } from "./write.js";

/**
 * Types that a model can be written in.
 * @example const type: GgufExportType = "q4_K";
 */
export type GgufExportType = "f32" | "f16" | "bf16" | "q8_0" | "q4_0" | "q4_1" | "q5_0" | "q5_1" | "q2_K" | "q3_K" | "q4_K" | "q5_K" | "q6_K" | "iq4_nl" | "iq4_xs" | "mxfp4";

/**
 * How {@link exportGguf} writes.
 * @example const options: ExportGgufOptions = { quantize: "q8_0" };
 */
export interface ExportGgufOptions {
  /** Type of all matrices but routers. @defaultValue "f32" */
  readonly quantize?: GgufExportType;
  /** Further metadata, e.g. that of {@link tokenizerMetadata}; without a tokenizer the file says that it has none. */
  readonly metadata?: ReadonlyMap<string, GgufValue>;
}

/**
 * What {@link exportGguf} takes: a `config.json` and the tensors under their Hugging Face names.
 * @example const model: HuggingFaceModel = await openCheckpoint("OLMoE-1B-7B-0924");
 */
export interface HuggingFaceModel {
  readonly config: HuggingFaceConfig;
  readonly weights: TensorReader;
}

/** `general.file_type` of llama.cpp. */
const FILE_TYPES: Record<GgufExportType, number> = { f32: 0, f16: 1, q4_0: 2, q4_1: 3, q8_0: 7, q5_0: 8, q5_1: 9, q2_K: 10, q3_K: 11, q4_K: 14, q5_K: 16, q6_K: 18, iq4_nl: 25, iq4_xs: 30, bf16: 32, mxfp4: 38 };

/** What a matrix becomes whose rows are not whole blocks, as llama.cpp chooses. */
const SMALLER_BLOCKS: Partial<Record<GgufTensorType, GgufTensorType>> = { q2_K: "iq4_nl", q3_K: "iq4_nl", iq4_xs: "iq4_nl", q4_K: "q5_0", q5_K: "q5_1", q6_K: "q8_0" };

/**
 * Writes a model as a GGUF file that llama.cpp runs. Norms, biases and routers stay float32; matrices become `quantize`, and
 * where their rows are not whole blocks of it, iq4_nl for q2_K, q3_K and iq4_xs, q5_0 for q4_K, q5_1 for q5_K, q8_0 for q6_K, and f16
 * where these do not fit either.
 * Settings of training (the coefficient of the load-balancing loss) are not kept: GGUF has no place for them.
 *
 * One Hugging Face tensor is in memory at a time.
 *
 * @returns How many tensors were written in each type.
 * @throws ConfigError if the family has no GGUF architecture, or a setting cannot be said in one; CheckpointError if tensors
 * and family do not fit. Nothing is left behind then.
 * @source llama.cpp, convert_hf_to_gguf.py.
 * @example await exportGguf({ config, weights }, "model.gguf", { quantize: "q8_0" });
 */
export async function exportGguf({ config, weights }: HuggingFaceModel, path: string, { quantize = "f32", metadata = new Map() }: ExportGgufOptions = {}): Promise<Partial<Record<GgufTensorType, number>>> {
  const family = familyOfModelType(config.model_type);
  const own = settings(family, config, quantize);
  const tensors = tensorSources(family, { config, weights }, quantize);
  await writeGguf(path, { metadata: new Map([...own, ...metadata]), tensors });
  const counts: Partial<Record<GgufTensorType, number>> = {};
  for (const { type } of tensors.values()) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

function settings({ architecture, config: rules }: GgufFamily, config: HuggingFaceConfig, quantize: GgufExportType): Map<string, GgufValue> {
  const said = new Set(rules.flatMap(({ keys }) => keys));
  const unknown = Object.keys(config).filter((key) => !said.has(key) && config[key] !== null);
  if (unknown.length > 0) throw new ConfigError(`exportGguf: ${unknown.join(", ")} in config.json cannot be said in a GGUF file of the ${architecture} architecture.`);
  const own = rules.flatMap((rule) => Object.entries(rule.toGguf(config)));
  // A slash marks the keys that are not the architecture's.
  const entries = own.map(([key, value]) => [key.startsWith("/") ? key.slice(1) : `${architecture}.${key}`, value] as const);
  const quantised = typeFacts(quantize).blockSize > 1 ? [["general.quantization_version", u32(2)] as const] : [];
  return new Map([["general.architecture", text(architecture)], ["general.type", text("model")], ["tokenizer.ggml.model", text("none")], ["general.file_type", u32(FILE_TYPES[quantize])], ...quantised, ...entries]);
}

function tensorSources(family: GgufFamily, model: HuggingFaceModel, quantize: GgufExportType): Map<string, GgufTensorSource> {
  const numLayers = Number(model.config.num_hidden_layers);
  const isExtra = (name: string) => family.extraLayers === true && Number(/^model\.layers\.(\d+)\./.exec(name)?.[1] ?? -1) >= numLayers;
  // GGUF has no tensors without numbers, which models without shared experts have.
  const unused = new Set([...model.weights.tensors].filter(([name, { shape }]) => !isExtra(name) && !shape.includes(0)).map(([name]) => name));
  const names = new Set(unused);
  const sources = new Map<string, GgufTensorSource>();
  for (const rule of family.tensors.filter(({ older }) => !older)) for (const layer of layersWith(rule, names)) sources.set(nameOf(rule.gguf, { layer }), sourceOf(rule, layer, model, quantize, unused));
  for (const rule of family.config) for (const [name, values] of Object.entries(rule.tensors?.(model.config) ?? {})) sources.set(name, floats(values));
  // A tied head may be written out all the same; it is the embeddings.
  if (model.config.tie_word_embeddings === true) unused.delete("lm_head.weight");
  if (unused.size > 0) throw new CheckpointError(`exportGguf: the ${family.architecture} architecture has no place for the tensors ${[...unused].slice(0, 8).join(", ")}${unused.size > 8 ? `, and ${unused.size - 8} more` : ""}.`);
  return sources;
}

/** Layers that have the tensor; one undefined layer for tensors outside layers. */
function layersWith(rule: TensorRule, names: ReadonlySet<string>): (number | undefined)[] {
  if (!rule.hf.includes("{l}")) return names.has(rule.hf) ? [undefined] : [];
  const pattern = patternOf(rule.hf);
  const found = [...names].map((name) => pattern.exec(name)?.groups).filter((groups) => groups !== undefined);
  const layers = found.filter(({ e = "0" }) => e === "0").map(({ l }) => Number(l));
  return layers.sort((a, b) => a - b);
}

function sourceOf(rule: TensorRule, layer: number | undefined, { config, weights }: HuggingFaceModel, quantize: GgufExportType, unused: Set<string>): GgufTensorSource {
  const names = hfNames(rule, layer, weights);
  for (const name of names) unused.delete(name);
  const shape = ggufShape(rule, weights.tensors.get(names[0]!)!.shape, config);
  const matrices = matricesOf(rule, shape, config);
  const stacked = rule.hf.includes("{e}") ? [names.length, ...shape] : shape;
  return {
    type: typeFor(rule, stacked, quantize),
    shape: stacked,
    async *values() {
      for (const name of names) yield* gathered((await weights.read(name)).data as Float32Array, matrices);
    },
  };
}

function hfNames(rule: TensorRule, layer: number | undefined, { tensors }: TensorReader): string[] {
  if (!rule.hf.includes("{e}")) return [nameOf(rule.hf, { layer })];
  const names: string[] = [];
  for (let expert = 0; tensors.has(nameOf(rule.hf, { layer, expert })); expert++) names.push(nameOf(rule.hf, { layer, expert }));
  const shapes = new Set(names.map((name) => tensors.get(name)!.shape.join()));
  if (shapes.size > 1) throw new CheckpointError(`exportGguf: the experts ${names[0]} and so on have different shapes.`);
  return names;
}

/** The shape that {@link matricesOf} turns into the Hugging Face shape. */
function ggufShape(rule: TensorRule, hf: readonly number[], config: HuggingFaceConfig): number[] {
  return rule.ggufShape?.(hf, config) ?? (rule.oneRow ? [hf.at(-1)!] : unmerged(rule, hf, config));
}

function unmerged(rule: TensorRule, hf: readonly number[], config: HuggingFaceConfig): number[] {
  const shape = [...hf];
  if (rule.hfInputMajor) shape.push(...shape.splice(-2).reverse());
  const axis = rule.gguf.endsWith(".bias") ? shape.length - 1 : shape.length - 2;
  if (rule.rows && axis >= 0) shape[axis] = shape[axis]! / (rule.rows.total(shape[axis]!, config) / shape[axis]!);
  return shape;
}

function typeFor({ exact = false }: TensorRule, shape: readonly number[], wanted: GgufExportType): GgufTensorType {
  if (exact || shape.length < 2) return "f32";
  const fits = (type: GgufTensorType) => shape.at(-1)! % typeFacts(type).blockSize === 0;
  const smaller = SMALLER_BLOCKS[wanted];
  return fits(wanted) ? wanted : smaller && fits(smaller) ? smaller : "f16";
}

/** The matrices of a tensor, one at a time, in the order of the file. */
function* gathered(values: Float32Array, matrices: Matrices): Generator<Float32Array> {
  const { count, rows, columns, wholeRows, rowAt, indexAt } = matrices;
  for (let matrix = 0; matrix < count; matrix++) {
    const piece = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row++) {
      const at = row * columns;
      if (wholeRows) piece.set(values.subarray(rowAt(matrix, row) * columns, (rowAt(matrix, row) + 1) * columns), at);
      else for (let column = 0; column < columns; column++) piece[at + column] = values[indexAt(matrix, row, column)]!;
    }
    yield piece;
  }
}

function floats(values: Float32Array): GgufTensorSource {
  return {
    type: "f32",
    shape: [values.length],
    async *values() {
      yield values;
    },
  };
}

