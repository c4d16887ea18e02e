import type { RopeConfig } from "./rope-config.js";

/**
 * Everything that shapes a decoder, read from a Hugging Face `config.json` by {@link parseConfig}.
 * @example const config: ModelConfig = parseConfig(JSON.parse(await readFile("config.json", "utf8")));
 */
export interface ModelConfig {
  /** The file's `model_type`, e.g. `olmoe`. */
  readonly family: string;
  readonly vocabSize: number;
  /** Model width D. */
  readonly hiddenSize: number;
  /** Longest sequence the positions were made for. */
  readonly maxPositions: number;
  /** Epsilon of all RMS norms. */
  readonly normEps: number;
  /** True if the language-model head is the embedding matrix. */
  readonly tieEmbeddings: boolean;
  /** Coefficient of the family's load-balancing loss. */
  readonly auxLossCoefficient: number;
  /** Ids that end a text, where the file gives any. */
  readonly endTokenIds: readonly number[];
  readonly layers: readonly LayerConfig[];
  /** The `config.json` this was read from, to be written back unchanged. */
  readonly source: HuggingFaceConfig;
}

/**
 * The content of a `config.json`.
 * @example const json: HuggingFaceConfig = { model_type: "olmoe", hidden_size: 64 };
 */
export type HuggingFaceConfig = Readonly<Record<string, unknown>>;

/**
 * One decoder layer.
 * @example const { attention, feedForward } = config.layers[0]!;
 */
export interface LayerConfig {
  readonly attention: AttentionConfig;
  readonly feedForward: FeedForwardConfig;
}

/**
 * Grouped-query attention with rotary positions.
 * @example const { numHeads, headDim } = config.layers[0]!.attention;
 */
export interface AttentionConfig {
  readonly numHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  /** Biases on the query, key, value and output projections. */
  readonly bias: boolean;
  /** RMS norm of queries and keys: over all heads together, or over each head. */
  readonly qkNorm: "none" | "full" | "per-head";
  /** Clamp queries, keys and values to ± this (after the norm). */
  readonly clip?: number;
  /** Each query sees this many keys, itself included. Left out: all before it. */
  readonly window?: number;
  readonly rope: RopeConfig;
}

/**
 * What follows the attention of a layer.
 * @example if (layer.feedForward.kind === "moe") layer.feedForward.numExperts;
 */
export type FeedForwardConfig = DenseConfig | MoeConfig;

/**
 * A SwiGLU block that all tokens pass.
 * @example const dense: DenseConfig = { kind: "dense", width: 128 };
 */
export interface DenseConfig {
  readonly kind: "dense";
  readonly width: number;
}

/**
 * SwiGLU experts behind a router.
 * @example const moe: MoeConfig = { kind: "moe", numExperts: 8, topK: 2, width: 64, router: { name: "topK", renormalise: true } };
 */
export interface MoeConfig {
  readonly kind: "moe";
  readonly numExperts: number;
  readonly topK: number;
  /** Width F of one expert. */
  readonly width: number;
  readonly router: RouterConfig;
}

/**
 * A router of `@moekit/routing` by name, with its options.
 * @example const router: RouterConfig = { name: "topK", renormalise: false };
 */
export interface RouterConfig {
  readonly name: string;
  readonly [option: string]: number | string | boolean;
}
