import { deepSeekV2 } from "./deepseek-v2.js";
import { deepSeekV3 } from "./deepseek-v3.js";
import { ernie45Moe } from "./ernie4-5-moe.js";
import type { Family } from "./family.js";
import { flexOlmo } from "./flex-olmo.js";
import { glm4Moe } from "./glm4-moe.js";
import { gptOss } from "./gpt-oss.js";
import { graniteMoe, graniteMoeShared } from "./granite-moe.js";
import { hunyuanMoe } from "./hunyuan-moe.js";
import { jetmoe } from "./jetmoe.js";
import { llama } from "./llama.js";
import { llama4, llama4Text } from "./llama4.js";
import { minimax } from "./minimax.js";
import { mixtral } from "./mixtral.js";
import { olmoe } from "./olmoe.js";
import { phimoe } from "./phimoe.js";
import { qwen2Moe } from "./qwen2-moe.js";
import { qwen3Moe } from "./qwen3-moe.js";
import { qwen3 } from "./qwen3.js";

/** All families. Adding one is one file of facts and its line here. */
const FAMILIES: readonly Family[] = [llama, qwen3, mixtral, olmoe, qwen2Moe, qwen3Moe, glm4Moe, graniteMoe, graniteMoeShared, ernie45Moe, gptOss, llama4Text, llama4, hunyuanMoe, flexOlmo, deepSeekV2, deepSeekV3, minimax, phimoe, jetmoe];

/** The family of a `model_type`, if known. */
export function findFamily(modelType: string): Family | undefined {
  return FAMILIES.find((family) => family.modelType === modelType);
}

/**
 * The `model_type` values that can be loaded.
 * @example modelFamilies().includes("olmoe"); // true
 */
export function modelFamilies(): string[] {
  return FAMILIES.map((family) => family.modelType);
}
