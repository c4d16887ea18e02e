import type { PackedFormat } from "@moekit/core";
import type { ModelConfig } from "../config/model-config.js";
import { parseConfig } from "../config/parse-config.js";
import { findFamily } from "../families/index.js";
import { MoeTransformer } from "../moe-transformer.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";
import { parameterPlaces } from "../layout/parameter-places.js";
import { fillParameters } from "./fill-parameters.js";
import { loadingOf, makeRoom, type LoadOptions } from "./load-options.js";
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
 * Loads a model from a Hugging Face folder (`config.json` with `model.safetensors` or shards) or a `.gguf` file. Strict:
 * every tensor of the model must be there with its shape, and every tensor in the files must be used.
 *
 * Tensors are read one at a time; at the peak two copies of the largest of them exist besides the model.
 *
 * @throws CheckpointError or ConfigError naming what is missing, unexpected or damaged; UnknownNameError for an unknown
 * format; no tensors are left behind then.
 * @example const model = await loadModel("OLMoE-1B-7B-0924", { weights: "q8_0" });
 */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<MoeTransformer> {
  const { init, format } = loadingOf(options, "loadModel");
  const { config, weights: reader } = await openCheckpoint(path);
  try {
    const model = new MoeTransformer(parseConfig(config), init);
    await readInto(model, reader, path, format);
    makeRoom(model, options);
    return model;
  } finally {
    await reader.close();
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
