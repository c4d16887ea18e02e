import type { HuggingFaceConfig } from "../config/model-config.js";
import { familyOfFile } from "./families/index.js";
import type { GgufFamily } from "./families/gguf-family.js";
import { GgufFile } from "./gguf-file.js";
import { HuggingFaceView } from "./hugging-face-view.js";
import { ArchitectureReader, type RopeFactors } from "./mapping/config-rule.js";
import { ROPE_FACTORS } from "./mapping/rope-rule.js";

/**
 * A model in a GGUF file, as a Hugging Face folder would have it.
 * @example const { config, weights }: GgufModel = await openGguf("OLMoE-1B-7B-Q4_K_M.gguf");
 */
export interface GgufModel {
  /** The content of `config.json`. */
  readonly config: HuggingFaceConfig;
  /** Tensors under their Hugging Face names; closing them closes the file. */
  readonly weights: HuggingFaceView;
  readonly file: GgufFile;
}

/**
 * Opens a model in a GGUF file: its settings as a `config.json`, its tensors under their Hugging Face names, in Hugging Face
 * order (rotary dimensions, experts one by one, halves of fused projections put together). Only the header is read.
 *
 * Experts of their own (`blk.0.ffn_gate.3.weight`, as older files have them) are accepted.
 *
 * @throws CheckpointError if the file is damaged, its architecture unknown, or tensors and architecture do not fit.
 * @source llama.cpp, convert_hf_to_gguf.py, of which this is the inverse.
 * @example
 * const { config, weights } = await openGguf("OLMoE-1B-7B-Q4_K_M.gguf");
 * const gate = await weights.read("model.layers.0.mlp.gate.weight");
 * await weights.close();
 */
export async function openGguf(path: string): Promise<GgufModel> {
  const file = await GgufFile.open(path);
  try {
    return await modelInGguf(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The model in a file that is open. */
export async function modelInGguf(file: GgufFile): Promise<GgufModel> {
  const family = familyOfFile(file.metadata);
  const config = await readConfig(file, family);
  return { config, weights: new HuggingFaceView(file, family, config), file };
}

async function readConfig(file: GgufFile, { modelType, className, architecture, config: rules }: GgufFamily): Promise<HuggingFaceConfig> {
  const factors: RopeFactors = {};
  for (const [kind, name] of Object.entries(ROPE_FACTORS)) if (file.tensors.has(name)) factors[kind as keyof RopeFactors] = await file.readRows(name);
  const from = new ArchitectureReader(file, architecture, factors);
  return { architectures: [className], model_type: modelType, ...Object.assign({}, ...rules.map((rule) => rule.toConfig(from))) };
}
