import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { CheckpointError, disposeParameters, parameters } from "@moekit/core";
import type { HuggingFaceConfig, ModelConfig } from "../config/model-config.js";
import { parseConfig } from "../config/parse-config.js";
import { MoeTransformer } from "../moe-transformer.js";
import { openWeights } from "../safetensors/sharded.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";
import { tensorNames, type TensorNames } from "./tensor-names.js";

/**
 * Reads the `config.json` of a Hugging Face folder.
 * @throws CheckpointError if there is none or it is not JSON; ConfigError as {@link parseConfig} does.
 * @example const config = await loadConfig("OLMoE-1B-7B-0924");
 */
export async function loadConfig(folder: string): Promise<ModelConfig> {
  const path = join(folder, "config.json");
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new CheckpointError(`loadConfig: ${path} is missing or not JSON. Pass the folder of a Hugging Face checkpoint.`, { cause });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new CheckpointError(`loadConfig: ${path} must be a JSON object.`);
  return parseConfig(json as HuggingFaceConfig);
}

/**
 * Loads a model from a Hugging Face folder: `config.json` with `model.safetensors` or shards. Strict: every tensor of the
 * model must be there with its shape, and every tensor in the files must be used.
 *
 * Tensors are read one at a time; at the peak one copy of the largest of them exists besides the model.
 *
 * @throws CheckpointError or ConfigError naming what is missing, unexpected or damaged; no tensors are left behind then.
 * @example const model = await loadModel("OLMoE-1B-7B-0924");
 */
export async function loadModel(folder: string): Promise<MoeTransformer> {
  const config = await loadConfig(folder);
  const reader = await openWeights(folder);
  try {
    return await readModel(config, reader, folder);
  } finally {
    await reader.close();
  }
}

async function readModel(config: ModelConfig, reader: TensorReader, folder: string): Promise<MoeTransformer> {
  const model = new MoeTransformer(config);
  try {
    const variables = parameters(model);
    const names = tensorNames(config, Object.keys(variables));
    checkFit(names, variables, reader, folder);
    for (const [path, from] of names) await fill(variables[path]!, from, reader);
    return model;
  } catch (error) {
    disposeParameters(model);
    throw error;
  }
}

function checkFit(names: Map<string, TensorNames>, variables: Record<string, tf.Variable>, reader: TensorReader, folder: string): void {
  const wanted = new Map<string, string>();
  for (const [path, from] of names) {
    const { shape } = variables[path]!;
    if (typeof from === "string") wanted.set(from, shape.join());
    else for (const name of from) wanted.set(name, shape.slice(1).join());
  }
  const missing = [...wanted.keys()].filter((name) => !reader.tensors.has(name));
  const unexpected = [...reader.tensors.keys()].filter((name) => !wanted.has(name));
  const misfits = [...wanted].filter(([name, shape]) => reader.tensors.has(name) && reader.tensors.get(name)!.shape.join() !== shape);
  const shapes = misfits.map(([name, shape]) => `${name} must be [${shape}], is [${reader.tensors.get(name)!.shape}]`);
  const problems = [list("Missing", missing), list("Unexpected", unexpected), list("Wrong shape", shapes)].filter((text) => text);
  if (problems.length > 0) throw new CheckpointError(`loadModel: ${folder} does not fit its config.json. ${problems.join(" ")}`);
}

function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return "";
  return `${title}: ${items.slice(0, 8).join("; ")}${items.length > 8 ? `; and ${items.length - 8} more` : ""}.`;
}

/** Reads one tensor, or one per expert into its place in the bank, and hands it to the variable. */
async function fill(variable: tf.Variable, from: TensorNames, reader: TensorReader): Promise<void> {
  const values = new Float32Array(variable.size);
  const parts = typeof from === "string" ? [from] : from;
  const size = values.length / parts.length;
  for (const [index, name] of parts.entries()) await reader.readInto(name, values.subarray(index * size, (index + 1) * size));
  tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
}
