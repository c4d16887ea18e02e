import type { ConfigReader } from "../config/config-reader.js";
import type { ModelConfig } from "../config/model-config.js";

/** The facts of one model family: how its config.json reads and what its files call their tensors. */
export interface Family {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** Class name in transformers, for `architectures`. */
  readonly architecture: string;
  /** Reads the family's keys; a key it does not ask for is refused. */
  readonly config: (read: ConfigReader) => Omit<ModelConfig, "family" | "source">;
  /** Names of the MoE tensors inside a layer; `{e}` stands for the expert. */
  readonly moeNames: MoeNames;
}

/** See {@link Family.moeNames}. */
export interface MoeNames {
  readonly router: string;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
}

/** The names that olmoe, the Qwen MoE families and many after them share. */
export const STANDARD_MOE_NAMES: MoeNames = {
  router: "mlp.gate.weight",
  gate: "mlp.experts.{e}.gate_proj.weight",
  up: "mlp.experts.{e}.up_proj.weight",
  down: "mlp.experts.{e}.down_proj.weight",
};
