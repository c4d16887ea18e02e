import type { HuggingFaceConfig, NormConfig } from "../config/model-config.js";

/**
 * Everything that shapes an encoder-decoder (T5 style, Switch Transformers), read from a Hugging Face `config.json` by
 * {@link parseEncoderDecoderConfig}.
 * @example const config: EncoderDecoderConfig = parseEncoderDecoderConfig(JSON.parse(await readFile("config.json", "utf8")));
 */
export interface EncoderDecoderConfig {
  /** The file's `model_type`. */
  readonly family: string;
  readonly vocabSize: number;
  /** Model width D. */
  readonly hiddenSize: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly norm: NormConfig;
  readonly positions: RelativePositions;
  readonly feedForward: EncoderDecoderFeedForward;
  /** The layers of the encoder, in order. */
  readonly encoder: readonly StackLayerKind[];
  readonly decoder: readonly StackLayerKind[];
  /** True if encoder, decoder and head share one table; the head then sees states times `D ** -0.5`. */
  readonly tieEmbeddings: boolean;
  /** Coefficients of the losses of routers. */
  readonly auxLossCoefficient: number;
  readonly zLossCoefficient: number;
  /** What the decoder's input begins with. */
  readonly startTokenId?: number;
  readonly endTokenIds: readonly number[];
  /** The `config.json` this was read from, to be written back unchanged. */
  readonly source: HuggingFaceConfig;
}

/**
 * Whether the feed-forward block of a layer has experts.
 * @example config.encoder.filter((kind: StackLayerKind) => kind === "moe").length;
 */
export type StackLayerKind = "dense" | "moe";

/**
 * Distances of tokens in buckets, each with a learned number per head that is added to its scores.
 * @example const positions: RelativePositions = { numBuckets: 32, maxDistance: 128 };
 */
export interface RelativePositions {
  readonly numBuckets: number;
  /** From here on all distances are in the last bucket. */
  readonly maxDistance: number;
}

/**
 * The feed-forward blocks `down(act(up x))` and their router, which takes the most probable expert.
 * @example const { numExperts, capacity }: EncoderDecoderFeedForward = config.feedForward;
 */
export interface EncoderDecoderFeedForward {
  readonly width: number;
  readonly activation: "relu" | "gelu" | "silu";
  readonly numExperts: number;
  /** Most tokens of one sequence that an expert takes; it passes over those that come later. */
  readonly capacity: number;
  readonly routerBias: boolean;
  /** The precision in which routers compute. */
  readonly routerDtype: RouterDtype;
  /** Noise on the input of routers and experts in training. */
  readonly inputJitter: number;
}

/**
 * A precision, by its name in `config.json`.
 * @example const dtype: RouterDtype = "float32";
 */
export type RouterDtype = "float32" | "bfloat16" | "float16";
