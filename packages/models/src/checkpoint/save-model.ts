import { parameterPlaces } from "../layout/parameter-places.js";
import type { MoeTransformer } from "../moe-transformer.js";
import { fileTensors } from "./file-tensors.js";
import { saveTensors, type SaveOptions } from "./save-tensors.js";

/**
 * Saves a model as a Hugging Face folder that transformers loads: `config.json` and `model.safetensors`, or shards with
 * their index. Other files in the folder stay.
 *
 * All bytes are on disk under temporary names before the first file of an older checkpoint is replaced, and the file by
 * which the weights are found comes last: a crash leaves the old checkpoint, the new one, or a folder that does not load.
 *
 * @throws CheckpointError if a value does not fit `dtype`.
 * @example await saveModel(model, "my-model", { dtype: "BF16" });
 */
export async function saveModel(model: MoeTransformer, folder: string, options: SaveOptions = {}): Promise<void> {
  await saveTensors({ config: model.config.source, tensors: fileTensors(model, (shapes) => parameterPlaces(model.config, shapes)) }, folder, options);
}
