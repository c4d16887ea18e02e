import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "@moekit/core";
import { ConfigReader } from "../config/config-reader.js";
import { readQuantization, type Quantization } from "../config/read-quantization.js";
import type { HuggingFaceConfig } from "../config/model-config.js";
import { openGguf } from "../gguf/open-gguf.js";
import { BlockScaledTensors } from "../safetensors/block-scaled.js";
import { Mxfp4Tensors } from "../safetensors/mxfp4-tensors.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";
import { isFile } from "../io/exists.js";
import { openWeights } from "../safetensors/sharded.js";

/**
 * A model on disk: its settings and its tensors, under their Hugging Face names.
 * @example const { config, weights }: Checkpoint = await openCheckpoint("OLMoE-1B-7B-0924");
 */
export interface Checkpoint {
  /** The content of `config.json`, or what it would be. */
  readonly config: HuggingFaceConfig;
  readonly weights: TensorReader;
}

/**
 * Opens a Hugging Face folder or a `.gguf` file. Only headers are read. Matrices of 8-bit and 4-bit floats are unpacked as they are read. Close `weights` in the end.
 * @throws CheckpointError if there is no such model, or it is damaged.
 * @example
 * const { config, weights } = await openCheckpoint("OLMoE-1B-7B-Q4_K_M.gguf");
 * await weights.close();
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  if (await isFile(path)) return openGguf(path);
  const config = await readConfigFile(path);
  const quantization = readQuantization(new ConfigReader(config));
  const weights = await openWeights(path);
  return { config, weights: quantization ? await unpacked(weights, quantization) : weights };
}

async function unpacked(weights: TensorReader, quantization: Quantization): Promise<TensorReader> {
  try {
    return quantization.kind === "fp8" ? new BlockScaledTensors(weights, quantization.block) : new Mxfp4Tensors(weights);
  } catch (error) {
    await weights.close();
    throw error;
  }
}

/**
 * The content of the `config.json` of a folder, or what that of a `.gguf` file would be.
 * @throws CheckpointError if there is none or it is not a JSON object.
 * @example if (isEncoderDecoder(await readConfigOf("switch-base-8"))) await loadEncoderDecoder("switch-base-8");
 */
export async function readConfigOf(path: string): Promise<HuggingFaceConfig> {
  if (!(await isFile(path))) return readConfigFile(path);
  const { config, weights } = await openGguf(path);
  await weights.close();
  return config;
}

async function readConfigFile(folder: string): Promise<HuggingFaceConfig> {
  const path = join(folder, "config.json");
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new CheckpointError(`loadConfig: ${path} is missing or not JSON. Pass the folder of a Hugging Face checkpoint, or a .gguf file.`, { cause });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new CheckpointError(`loadConfig: ${path} must be a JSON object.`);
  return json as HuggingFaceConfig;
}
