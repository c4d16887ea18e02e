import { mixtral } from "./mixtral.js";
import { olmoe } from "./olmoe.js";
import { qwen3Moe } from "./qwen3-moe.js";
import type { Family } from "./family.js";

/** All families. Adding one is one file of facts and its line here. */
const FAMILIES: readonly Family[] = [mixtral, olmoe, qwen3Moe];

/** The family of a `model_type`, if known. */
export function findFamily(modelType: string): Family | undefined {
  return FAMILIES.find((family) => family.modelType === modelType);
}

/**
 * The `model_type` values that can be loaded.
 * @example modelFamilies(); // ["mixtral", "olmoe", "qwen3_moe"]
 */
export function modelFamilies(): string[] {
  return FAMILIES.map((family) => family.modelType);
}
