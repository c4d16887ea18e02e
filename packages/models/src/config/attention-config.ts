import type { RopeConfig } from "./rope-config.js";

/**
 * What mixes the tokens of a layer.
 * @example if (layer.attention.kind === "grouped") layer.attention.numHeads;
 */
export type AttentionConfig = GroupedAttentionConfig | LatentAttentionConfig | LinearAttentionConfig | ExpertAttentionConfig;

/**
 * Grouped-query attention: softmax over the keys that a query may see.
 * @example const { numHeads, headDim } = config.layers[0]!.attention;
 */
export interface GroupedAttentionConfig {
  readonly kind: "grouped";
  readonly numHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  /** Biases on the projections. */
  readonly bias: AttentionBias;
  /** RMS norm of queries and keys. Left out: none. */
  readonly qkNorm?: QueryKeyNorm;
  /** Clamp queries, keys and values to ± this (after the norm). */
  readonly clip?: number;
  /** Each query sees this many keys, itself included. Left out: all before it. */
  readonly window?: number;
  /** Each query sees the keys of its own chunk of this many positions. Left out: all before it. */
  readonly chunk?: number;
  /** Makes queries larger in long texts. Left out: no. */
  readonly temperature?: TemperatureConfig;
  /** Factor of the products of queries and keys. Left out: `headDim ** -0.5`. */
  readonly scale?: number;
  /** A learned logit per head that takes part in the softmax and adds nothing. @defaultValue false */
  readonly sinks?: boolean;
  /** Rotary positions. Left out: the layer does not know positions. */
  readonly rotary?: RotaryConfig;
}

/**
 * Linear (lightning) attention: each head keeps a matrix that forgets, instead of keys and values.
 * @example const attention: LinearAttentionConfig = { kind: "linear", numHeads: 2, headDim: 8, blockSize: 256, slopes: [0.0625, 0.0039] };
 */
export interface LinearAttentionConfig {
  readonly kind: "linear";
  readonly numHeads: number;
  readonly headDim: number;
  /** Tokens that are computed together. It changes nothing but the order of sums. */
  readonly blockSize: number;
  /** For each head: what it knows is multiplied by `exp(-slope)` at each token. */
  readonly slopes: readonly number[];
  /** It knows positions by forgetting. */
  readonly rotary?: undefined;
}

/**
 * Multi-head latent attention: keys and values of all heads are projections of one narrow latent, which is all that is
 * cached, beside one key with positions that all heads share.
 * @example const attention: LatentAttentionConfig = { kind: "latent", numHeads: 128, queryRank: 1536, latentRank: 512, contentDim: 128, valueDim: 128, bias: false, scale: 192 ** -0.5, rotary };
 */
export interface LatentAttentionConfig {
  readonly kind: "latent";
  readonly numHeads: number;
  /** Width of the latent of queries. Left out: queries are projected at once. */
  readonly queryRank?: number;
  /** Width of the latent of keys and values. */
  readonly latentRank: number;
  /** Width of the part of queries and keys that has no positions. */
  readonly contentDim: number;
  readonly valueDim: number;
  /** Biases on the projections to latents and on the output. */
  readonly bias: boolean;
  /** Factor of the products of queries and keys. */
  readonly scale: number;
  /** Positions of the other part of queries and keys, all of whose dimensions turn. */
  readonly rotary: RotaryConfig;
}

/**
 * Attention whose projections of queries and outputs are experts; keys and values are shared.
 * @example const attention: ExpertAttentionConfig = { kind: "experts", numExperts: 8, topK: 2, numHeads: 32, numKeyValueHeads: 16, headDim: 128, rotary };
 */
export interface ExpertAttentionConfig {
  readonly kind: "experts";
  readonly numExperts: number;
  readonly topK: number;
  /** Query heads of a token: `topK * numKeyValueHeads`. */
  readonly numHeads: number;
  /** Heads of keys and values, and query heads of one expert. */
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly rotary: RotaryConfig;
}

/**
 * Which projections have a bias.
 * @example const bias: AttentionBias = { queryKeyValue: true, output: false };
 */
export interface AttentionBias {
  readonly queryKeyValue: boolean;
  readonly output: boolean;
}

/**
 * An RMS norm of queries and keys.
 * @example const qkNorm: QueryKeyNorm = { over: "head", after: "projection" };
 */
export interface QueryKeyNorm {
  /** Over all heads together, or over each head. */
  readonly over: "all-heads" | "head";
  /** What it follows. Over all heads it always follows the projection. */
  readonly after: "projection" | "rotary";
  /** @defaultValue true */
  readonly weighted?: boolean;
}

/**
 * Queries are multiplied by `1 + scale ln(1 + floor((position + 1) / every))`.
 * @example const temperature: TemperatureConfig = { scale: 0.1, every: 8192 };
 */
export interface TemperatureConfig {
  readonly scale: number;
  readonly every: number;
}

/**
 * Rotary positions of the first `dim` dimensions of each head; an odd number is rounded up.
 * @example const rotary: RotaryConfig = { rope: { kind: "default", theta: 10000 }, dim: 64, layout: "half" };
 */
export interface RotaryConfig {
  readonly rope: RopeConfig;
  readonly dim: number;
  /** Which dimensions turn together: i with `i + dim / 2`, or 2i with 2i + 1. */
  readonly layout: "half" | "interleaved";
}
