import { CheckpointError, ConfigError } from "@moekit/core";
import type { GgufMetadata } from "../metadata.js";
import type { GgufFamily } from "./gguf-family.js";
import { deepseekV2, deepseekV3 } from "./deepseek.js";
import { ernie45Moe } from "./ernie4-5-moe.js";
import { glm4Moe } from "./glm4-moe.js";
import { gptOss } from "./gpt-oss.js";
import { graniteMoe, graniteMoeShared } from "./granite-moe.js";
import { hunyuanMoe } from "./hunyuan-moe.js";
import { llama } from "./llama.js";
import { llama4 } from "./llama4.js";
import { mixtral } from "./mixtral.js";
import { olmoe } from "./olmoe.js";
import { phimoe } from "./phimoe.js";
import { qwen2Moe } from "./qwen2-moe.js";
import { qwen3 } from "./qwen3.js";
import { qwen3Moe } from "./qwen3-moe.js";

/** Families that GGUF files can hold. Adding one is one file of facts and its line here. */
const FAMILIES: readonly GgufFamily[] = [llama, qwen3, mixtral, olmoe, qwen2Moe, qwen3Moe, gptOss, deepseekV2, deepseekV3, graniteMoe, graniteMoeShared, glm4Moe, ernie45Moe, hunyuanMoe, phimoe, llama4];

/**
 * The `model_type` values that can be written to and read from GGUF files.
 * @example ggufFamilies(); // ["llama", "mixtral", "olmoe", ...]
 */
export const ggufFamilies = (): string[] => FAMILIES.map(({ modelType }) => modelType);

/** The family of a `model_type`. */
export function familyOfModelType(modelType: unknown): GgufFamily {
  const found = FAMILIES.find((family) => family.modelType === modelType);
  if (!found) throw new ConfigError(`exportGguf: the model_type ${JSON.stringify(modelType)} has no GGUF architecture here; known are ${ggufFamilies().join(", ")}.`);
  return found;
}

/** The family of a file. */
export function familyOfFile(metadata: GgufMetadata): GgufFamily {
  const architecture = metadata.text("general.architecture");
  const found = FAMILIES.find((family) => family.architecture === architecture && (family.matches?.(metadata) ?? true));
  if (!found) throw new CheckpointError(`openGguf: the architecture "${architecture}" is unknown; known are ${[...new Set(FAMILIES.map((family) => family.architecture))].join(", ")}.`);
  return found;
}
