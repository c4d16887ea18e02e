import type { HuggingFaceConfig } from "../config/model-config.js";

/** Settings that transformers 5 declares as `float`: it refuses a file that says 0 where it could say 0.0. */
const FLOATS = [
  "attention_dropout",
  "attn_scale",
  "aux_loss_coef",
  "clip_qkv",
  "initializer_factor",
  "initializer_range",
  "input_jitter_noise",
  "layer_norm_epsilon",
  "moe_norm_min",
  "rms_norm_eps",
  "routed_scaling_factor",
  "router_aux_loss_coef",
  "router_jitter_noise",
  "router_z_loss_coef",
];
// JSON of two spaces has one scalar a line, and no string in it has a line break.
const WHOLE_FLOAT = new RegExp(`^( *"(?:${FLOATS.join("|")})": -?\\d+)(,?)$`, "gm");

/** A `config.json` that transformers takes: as JSON, with `.0` where it wants a float. */
export function configText(config: HuggingFaceConfig): string {
  return `${JSON.stringify(config, undefined, 2).replace(WHOLE_FLOAT, "$1.0$2")}\n`;
}
