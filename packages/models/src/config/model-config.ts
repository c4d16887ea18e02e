import type { AttentionConfig } from "./attention-config.js";
import type { FeedForwardConfig } from "./feed-forward-config.js";

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
  /** All norms of the residual stream. */
  readonly norm: NormConfig;
  /** The norm before the head. @defaultValue norm */
  readonly lastNorm?: NormConfig;
  /** True if the language-model head is the embedding matrix. */
  readonly tieEmbeddings: boolean;
  /** The head has a bias. @defaultValue false */
  readonly headBias?: boolean;
  /** Factor of the embeddings. @defaultValue 1 */
  readonly embeddingScale?: number;
  /** Factor of the logits. @defaultValue 1 */
  readonly logitScale?: number;
  /** Coefficient of the family's load-balancing loss; 0 where it has none. */
  readonly auxLossCoefficient: number;
  /** How often transformers records the logits of each router of a layer, in order. Left out: once. See {@link recordedTrace}. */
  readonly routerRecords?: readonly number[];
  /** The token that fills up short texts, where the file gives one; its embedding does not learn. */
  readonly padTokenId?: number;
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
 * RMS norm, or layer norm with a bias.
 * @example const norm: NormConfig = { kind: "rms", eps: 1e-5 };
 */
export interface NormConfig {
  readonly kind: "rms" | "layer";
  readonly eps: number;
}

/**
 * One decoder layer.
 * @example const { attention, feedForward } = config.layers[0]!;
 */
export interface LayerConfig {
  readonly attention: AttentionConfig;
  readonly feedForward: FeedForwardConfig;
  /** How the two blocks join the residual stream. Left out: `h + block(norm(h))`. */
  readonly residual?: { readonly attention: ResidualConfig; readonly feedForward: ResidualConfig };
}

/**
 * How a block joins the residual stream: `before`: `keep h + add block(norm(h))`; `after`: `keep h + add norm(block(h))`;
 * `stream`: the norm becomes the stream, `keep norm(h) + add block(norm(h))`.
 * @example const residual: ResidualConfig = { norm: "before", keep: 1, add: 0.22 };
 */
export interface ResidualConfig {
  readonly norm: "before" | "after" | "stream";
  readonly keep: number;
  readonly add: number;
}
