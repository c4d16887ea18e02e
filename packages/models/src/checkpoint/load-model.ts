import * as tf from "@tensorflow/tfjs";
import { CheckpointError, disposeParameters, parameters } from "@moekit/core";
import type { ModelConfig } from "../config/model-config.js";
import { parseConfig } from "../config/parse-config.js";
import { openCheckpoint, readConfigOf } from "./open-checkpoint.js";
import { findFamily } from "../families/index.js";
import { MoeTransformer } from "../moe-transformer.js";
import { elements } from "../safetensors/host-tensor.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";
import { parameterPlaces } from "../layout/parameter-places.js";
import type { Place } from "../layout/place.js";
import { gather, isWhole } from "../layout/strided.js";

/**
 * Reads the settings of a model: the `config.json` of a Hugging Face folder, or what a `.gguf` file says.
 * @throws CheckpointError if there is none or it is not JSON; ConfigError as {@link parseConfig} does.
 * @example const config = await loadConfig("OLMoE-1B-7B-0924");
 */
export async function loadConfig(path: string): Promise<ModelConfig> {
  return parseConfig(await readConfigOf(path));
}

/**
 * Loads a model from a Hugging Face folder (`config.json` with `model.safetensors` or shards) or a `.gguf` file. Strict:
 * every tensor of the model must be there with its shape, and every tensor in the files must be used.
 *
 * Tensors are read one at a time; at the peak two copies of the largest of them exist besides the model.
 *
 * @throws CheckpointError or ConfigError naming what is missing, unexpected or damaged; no tensors are left behind then.
 * @example const model = await loadModel("OLMoE-1B-7B-0924");
 */
export async function loadModel(path: string): Promise<MoeTransformer> {
  const { config, weights } = await openCheckpoint(path);
  try {
    return await readModel(parseConfig(config), weights, path);
  } finally {
    await weights.close();
  }
}

async function readModel(config: ModelConfig, reader: TensorReader, folder: string): Promise<MoeTransformer> {
  const model = new MoeTransformer(config);
  try {
    const variables = parameters(model);
    const places = parameterPlaces(config, Object.fromEntries(Object.entries(variables).map(([path, { shape }]) => [path, shape])));
    checkFit(places, config, reader, folder);
    const source = new ReadOnce(reader);
    for (const [path, place] of places) await fill(variables[path]!, place, source);
    return model;
  } catch (error) {
    disposeParameters(model);
    throw error;
  }
}

function checkFit(places: ReadonlyMap<string, Place>, config: ModelConfig, reader: TensorReader, folder: string): void {
  const wanted = new Map([...places.values()].flatMap(({ names, fileShape }) => names.map((name) => [name, fileShape.join()] as const)));
  const { unused = () => false } = findFamily(config.family)!;
  const missing = [...wanted.keys()].filter((name) => !reader.tensors.has(name));
  const unexpected = [...reader.tensors.keys()].filter((name) => !wanted.has(name) && !unused(name, config));
  const misfits = [...wanted].filter(([name, shape]) => reader.tensors.has(name) && reader.tensors.get(name)!.shape.join() !== shape);
  const shapes = misfits.map(([name, shape]) => `${name} must be [${shape}], is [${reader.tensors.get(name)!.shape}]`);
  const problems = [list("Missing", missing), list("Unexpected", unexpected), list("Wrong shape", shapes)].filter((text) => text);
  if (problems.length > 0) throw new CheckpointError(`loadModel: ${folder} does not fit its config.json. ${problems.join(" ")}`);
}

function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return "";
  return `${title}: ${items.slice(0, 8).join("; ")}${items.length > 8 ? `; and ${items.length - 8} more` : ""}.`;
}

/** Reads what lies at a place, tensor by tensor, and hands it to the variable. */
async function fill(variable: tf.Variable, place: Place, source: ReadOnce): Promise<void> {
  const values = new Float32Array(variable.size);
  const shape = place.names.length === 1 ? variable.shape : variable.shape.slice(1);
  const size = values.length / place.names.length;
  for (const [index, name] of place.names.entries()) {
    const target = values.subarray(index * size, (index + 1) * size);
    if (isWhole(place, shape)) await source.reader.readInto(name, target);
    else gather(await source.read(name), place, shape, target);
  }
  tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
}

/** Keeps the last tensor that several parameters share, as gate and up projections do that lie in one. */
class ReadOnce {
  private name?: string;
  private values = new Float32Array(0);

  constructor(readonly reader: TensorReader) {}

  async read(name: string): Promise<Float32Array> {
    if (this.name !== name) this.values = new Float32Array(elements(this.reader.tensors.get(name)!.shape));
    if (this.name !== name) await this.reader.readInto(name, this.values);
    this.name = name;
    return this.values;
  }
}
