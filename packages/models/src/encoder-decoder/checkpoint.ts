import { fileTensors } from "../checkpoint/file-tensors.js";
import { fillParameters } from "../checkpoint/fill-parameters.js";
import { loadingOf, makeRoom, type LoadOptions } from "../checkpoint/load-options.js";
import { openCheckpoint } from "../checkpoint/open-checkpoint.js";
import { saveTensors, type SaveOptions } from "../checkpoint/save-tensors.js";
import { EncoderDecoder } from "./encoder-decoder.js";
import { parseEncoderDecoderConfig } from "./parse-config.js";
import { encoderDecoderPlaces } from "./places.js";

/** Copies of the shared table that older files have beside it. */
const TIED = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"];

/**
 * Loads an encoder-decoder from a Hugging Face folder, as strictly as {@link loadModel} a decoder.
 *
 * @throws CheckpointError, ConfigError or UnknownNameError naming what is missing, unexpected or damaged; no tensors are
 * left behind then.
 * @example const model = await loadEncoderDecoder("switch-base-8");
 */
export async function loadEncoderDecoder(folder: string, options: LoadOptions = {}): Promise<EncoderDecoder> {
  const { init, format } = loadingOf(options, "loadEncoderDecoder");
  const { config, weights } = await openCheckpoint(folder);
  try {
    const model = new EncoderDecoder(parseEncoderDecoderConfig(config), init);
    const unused = (name: string) => model.config.tieEmbeddings && TIED.includes(name);
    await fillParameters(model, encoderDecoderPlaces, weights, { in: "loadEncoderDecoder", folder, unused, format });
    makeRoom(model, options);
    return model;
  } finally {
    await weights.close();
  }
}

/**
 * Saves an encoder-decoder as a Hugging Face folder that transformers loads; see {@link saveModel} for what happens on disk.
 *
 * @throws CheckpointError if a value does not fit `dtype`.
 * @example await saveEncoderDecoder(model, "my-model", { dtype: "BF16" });
 */
export async function saveEncoderDecoder(model: EncoderDecoder, folder: string, options: SaveOptions = {}): Promise<void> {
  const config = { architectures: ["SwitchTransformersForConditionalGeneration"], eos_token_id: 1, pad_token_id: 0, ...model.config.source };
  await saveTensors({ config, tensors: fileTensors(model, encoderDecoderPlaces) }, folder, options);
}
