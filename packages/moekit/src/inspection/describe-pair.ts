import { encoderDecoderSize, parseEncoderDecoderConfig, type EncoderDecoderSize, type HuggingFaceConfig } from "@moekit/models";
import { grouped, short } from "../terminal/number-text.js";
import { table } from "../terminal/table.js";
import { layerRow } from "./describe-model.js";

/** An encoder-decoder in numbers, from its `config.json` alone. */
export interface PairDescription extends EncoderDecoderSize {
  readonly family: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
}

/** Counts parameters and active parameters of an encoder-decoder. @throws ConfigError if the config cannot be understood. */
export function describePair(source: HuggingFaceConfig): PairDescription {
  const config = parseEncoderDecoderConfig(source);
  const { family, vocabSize, hiddenSize } = config;
  return { family, vocabSize, hiddenSize, ...encoderDecoderSize(config) };
}

/** The same for people. */
export function pairText({ family, vocabSize, hiddenSize, parameters, activeParameters, encoder, decoder }: PairDescription): string {
  const head = [
    `${family}: encoder of ${encoder.length} layers, decoder of ${decoder.length}, width ${hiddenSize}, vocabulary ${grouped(vocabSize)}`,
    `parameters         ${short(parameters)} (${grouped(parameters)})`,
    `active per token   ${short(activeParameters)} (${((100 * activeParameters) / parameters).toFixed(1)} %)`,
  ];
  const rows = Object.entries({ encoder, decoder }).flatMap(([side, layers]) => layers.map((layer, index) => [side, ...layerRow(layer, index)]));
  return `${head.join("\n")}\n\n${table(["stack", "layer", "kind", "experts", "per token", "width", "per expert", "parameters", "active"], rows)}`;
}
