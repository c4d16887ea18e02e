import { ConfigError, disposeParameters, type PackedFormat } from "@moekit/core";
import { packedFormat } from "@moekit/core/packed";
import { PACKED_INIT, STORED_INIT, ZERO_INIT, type ModelInit } from "../blocks/model-init.js";
import type { ModelConfig } from "../config/model-config.js";
import { parseConfig } from "../config/parse-config.js";
import type { GgufExportType } from "../gguf/export-gguf.js";
import { findFamily } from "../families/index.js";
import { MoeTransformer } from "../moe-transformer.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";
import { parameterPlaces } from "../layout/parameter-places.js";
import { fillParameters } from "./fill-parameters.js";
import { reserveExperts } from "./reserve-experts.js";
import { openCheckpoint, readConfigOf } from "./open-checkpoint.js";

/**
 * Reads the settings of a model: the `config.json` of a Hugging Face folder, or what a `.gguf` file says.
 * @throws CheckpointError if there is none or it is not JSON; ConfigError as {@link parseConfig} does.
 * @example const config = await loadConfig("OLMoE-1B-7B-0924");
 */
export async function loadConfig(path: string): Promise<ModelConfig> {
  return parseConfig(await readConfigOf(path));
}

/**
 * How {@link loadModel} keeps matrices.
 * @example const options: LoadOptions = { weights: "as-stored", expertCacheBytes: 4e9 };
 */
export interface LoadOptions {
  /**
   * `float32`: as variables, to train and to edit. `as-stored`: packed as in the file, which must have them in 16 bits or
   * fewer. Another name: packed in that format (`bf16`, `f16`, `q8_0`, `q4_0`, `q4_K`, ...; rows that are not whole blocks
   * become bf16). Packed matrices are constants; norms, biases and routers stay variables. @defaultValue "float32"
   */
  readonly weights?: WeightFormat;
  /**
   * Experts stay in the file, and each is read when tokens are routed to it; at most this many bytes of them are kept in
   * memory, the same share of each layer, those used last. Their matrices must be stored in the format that `weights` asks
   * for, and the file must stay as it is. Results are the same. Left out: all experts are loaded.
   */
  readonly expertCacheBytes?: number;
}

/**
 * See {@link LoadOptions}.
 * @example const weights: WeightFormat = "as-stored";
 */
export type WeightFormat = "float32" | "as-stored" | Exclude<GgufExportType, "f32">;

/**
 * Loads a model from a Hugging Face folder (`config.json` with `model.safetensors` or shards) or a `.gguf` file. Strict:
 * every tensor of the model must be there with its shape, and every tensor in the files must be used.
 *
 * Tensors are read one at a time; at the peak two copies of the largest of them exist besides the model.
 *
 * @throws CheckpointError or ConfigError naming what is missing, unexpected or damaged; UnknownNameError for an unknown
 * format; no tensors are left behind then.
 * @example const model = await loadModel("OLMoE-1B-7B-0924", { weights: "q8_0" });
 */
export async function loadModel(path: string, { weights = "float32", expertCacheBytes }: LoadOptions = {}): Promise<MoeTransformer> {
  const format = weights === "float32" || weights === "as-stored" ? undefined : packedFormat(weights);
  const { config, weights: reader } = await openCheckpoint(path);
  try {
    const model = new MoeTransformer(parseConfig(config), initOf(weights, expertCacheBytes));
    await readInto(model, reader, path, format);
    if (expertCacheBytes !== undefined) reserve(model, expertCacheBytes);
    return model;
  } finally {
    await reader.close();
  }
}

function initOf(weights: WeightFormat, expertCacheBytes?: number): ModelInit {
  if (weights !== "float32") return expertCacheBytes === undefined ? PACKED_INIT : STORED_INIT;
  if (expertCacheBytes !== undefined) throw new ConfigError('loadModel: experts that stay in the file are packed; got weights "float32". Pass weights: "as-stored".');
  return ZERO_INIT;
}

function reserve(model: MoeTransformer, bytes: number): void {
  try {
    reserveExperts(model, bytes);
  } catch (error) {
    disposeParameters(model);
    throw error;
  }
}

async function readInto(model: MoeTransformer, reader: TensorReader, folder: string, format?: PackedFormat): Promise<void> {
  const { config } = model;
  const { unused = () => false } = findFamily(config.family)!;
  await fillParameters(model, (shapes) => parameterPlaces(config, shapes), reader, { in: "loadModel", folder, unused: (name) => unused(name, config) || isSpare(name, config), format });
}

/** Tables of positions, which older files hold and nobody needs, and the head of a model whose head is the embedding matrix. */
function isSpare(name: string, { tieEmbeddings }: ModelConfig): boolean {
  return name.endsWith(".rotary_emb.inv_freq") || (tieEmbeddings && name === "lm_head.weight");
}
