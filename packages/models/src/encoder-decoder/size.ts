import type { LayerSize } from "../counting.js";
import type { EncoderDecoderConfig, StackLayerKind } from "./config.js";

/**
 * Sizes of an encoder-decoder, from its config alone.
 * @example const { parameters, activeParameters }: EncoderDecoderSize = encoderDecoderSize(config);
 */
export interface EncoderDecoderSize {
  /** All weights, tied ones once. */
  readonly parameters: number;
  /** Weights that an input token and an output token meet together: with one expert in each layer that has experts. */
  readonly activeParameters: number;
  readonly encoder: readonly LayerSize[];
  readonly decoder: readonly LayerSize[];
}

/**
 * Counts the weights of an encoder-decoder without building it.
 * @example encoderDecoderSize(parseEncoderDecoderConfig(await readConfigOf("switch-base-8"))).activeParameters;
 */
export function encoderDecoderSize(config: EncoderDecoderConfig): EncoderDecoderSize {
  const { vocabSize, hiddenSize, numHeads, positions, tieEmbeddings } = config;
  const encoder = config.encoder.map((kind) => layerSize(kind, config, 1));
  const decoder = config.decoder.map((kind) => layerSize(kind, config, 2));
  const table = vocabSize * hiddenSize;
  const outside = 2 * (positions.numBuckets * numHeads + hiddenSize);
  const total = (of: (layer: LayerSize) => number) => [...encoder, ...decoder].reduce((sum, layer) => sum + of(layer), outside);
  return {
    parameters: total((layer) => layer.parameters) + table * (tieEmbeddings ? 1 : 4),
    // Where tables are not tied, files have a shared one that nothing reads.
    activeParameters: total((layer) => layer.activeParameters) + table * (tieEmbeddings ? 1 : 3),
    encoder,
    decoder,
  };
}

/** @param attentions - 1 in an encoder, 2 in a decoder, each with a norm. */
function layerSize(kind: StackLayerKind, { hiddenSize, numHeads, headDim, feedForward }: EncoderDecoderConfig, attentions: number): LayerSize {
  const { width, numExperts, routerBias } = feedForward;
  const attentionParameters = attentions * 4 * hiddenSize * numHeads * headDim;
  const parametersPerExpert = 2 * hiddenSize * width;
  const router = kind === "moe" ? numExperts * (hiddenSize + (routerBias ? 1 : 0)) : 0;
  const sized = (blocks: number) => attentionParameters + (attentions + 1) * hiddenSize + router + blocks * parametersPerExpert;
  const experts = kind === "moe" ? { numExperts, topK: 1 } : { numExperts: 0, topK: 0 };
  return { kind, parameters: sized(kind === "moe" ? numExperts : 1), activeParameters: sized(1), attentionParameters, ...experts, width, parametersPerExpert };
}
