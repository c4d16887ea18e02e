import { CheckpointError } from "@moekit/core";
import type { Shapes } from "../checkpoint/fill-parameters.js";
import { perExpert, placeOf, type Place, type Placing } from "../layout/place.js";

const OUTSIDE: Readonly<Record<string, string>> = {
  "embedding.weight": "shared.weight",
  "encoderEmbedding.weight": "encoder.embed_tokens.weight",
  "decoderEmbedding.weight": "decoder.embed_tokens.weight",
  "head.weight": "lm_head.weight",
  "encoder.norm.weight": "encoder.final_layer_norm.weight",
  "decoder.norm.weight": "decoder.final_layer_norm.weight",
  "encoder.positions.weight": "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
  "decoder.positions.weight": "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
};

const PROJECTIONS: Readonly<Record<string, string>> = { query: "q", key: "k", value: "v", output: "o" };

/** Where the parameters of an encoder-decoder lie in files, by path. */
export function encoderDecoderPlaces(shapes: Shapes): Map<string, Place> {
  return new Map(Object.entries(shapes).map(([path, shape]) => [path, placeOf(placingOf(path), shape)]));
}

function placingOf(path: string): Placing {
  const [, side, layer, module, rest] = /^(encoder|decoder)\.layers\.(\d+)\.(\w+)\.(.+)$/.exec(path) ?? [];
  if (!side) return OUTSIDE[path] ?? unknown(path);
  const block = `${side}.block.${layer}`;
  const last = `${block}.layer.${side === "encoder" ? 1 : 2}`;
  const projection = () => `${PROJECTIONS[rest!.split(".")[0]!] ?? unknown(path)}.weight`;
  switch (module) {
    case "selfNorm":
      return `${block}.layer.0.layer_norm.weight`;
    case "selfAttention":
      return `${block}.layer.0.SelfAttention.${projection()}`;
    case "crossNorm":
      return `${block}.layer.1.layer_norm.weight`;
    case "crossAttention":
      return `${block}.layer.1.EncDecAttention.${projection()}`;
    case "feedForwardNorm":
      return `${last}.layer_norm.weight`;
    default:
      return feedForward(`${module}.${rest}`, `${last}.mlp`) ?? unknown(path);
  }
}

function feedForward(path: string, mlp: string): Placing | undefined {
  const places: Readonly<Record<string, Placing>> = {
    "dense.up.weight": `${mlp}.wi.weight`,
    "dense.down.weight": `${mlp}.wo.weight`,
    "moe.router.weight": `${mlp}.router.classifier.weight`,
    "moe.router.bias": `${mlp}.router.classifier.bias`,
    "moe.experts.up": perExpert(`${mlp}.experts.expert_{e}.wi.weight`),
    "moe.experts.down": perExpert(`${mlp}.experts.expert_{e}.wo.weight`),
  };
  return places[path];
}

function unknown(path: string): never {
  throw new CheckpointError(`encoderDecoderPlaces: no tensor of a file is known for the parameter ${path}.`);
}
