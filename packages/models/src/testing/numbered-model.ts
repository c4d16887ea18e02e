import * as tf from "@tensorflow/tfjs";
import { disposeParameters, isMoekitError, parameters } from "@moekit/core";
import { loadModel } from "../checkpoint/load-model.js";
import { parseConfig } from "../config/parse-config.js";
import { MoeTransformer } from "../moe-transformer.js";

const sizes = { vocab_size: 8, hidden_size: 4, num_hidden_layers: 2, num_attention_heads: 1, intermediate_size: 2, num_experts: 2, num_experts_per_tok: 1, max_position_embeddings: 8 };

/** A model in which every number, the rope base included, says which save it belongs to. */
export function modelOf(value: number): MoeTransformer {
  const model = new MoeTransformer(parseConfig({ model_type: "olmoe", ...sizes, rope_theta: 100 * value }));
  tf.tidy(() => Object.values(parameters(model)).forEach((variable) => variable.assign(tf.fill(variable.shape, value))));
  return model;
}

/** The values found in a checkpoint, or "refused". */
export async function valuesIn(folder: string): Promise<number[] | "refused"> {
  const model = await loadModel(folder).catch((error: unknown) => {
    if (!isMoekitError(error, "checkpoint")) throw error;
  });
  if (!model) return "refused";
  const found = new Set([model.config.layers[0]!.attention.rotary!.rope.theta / 100]);
  for (const variable of Object.values(parameters(model))) for (const value of variable.dataSync()) found.add(value);
  disposeParameters(model);
  return [...found];
}
