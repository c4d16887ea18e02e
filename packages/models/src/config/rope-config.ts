interface RopeBase {
  /** Base of the wavelengths. */
  readonly theta: number;
}

/**
 * Rotary position embedding and how it is stretched to longer contexts.
 * @example const rope: RopeConfig = { kind: "default", theta: 10000 };
 */
export type RopeConfig = DefaultRope | LinearRope | DynamicRope | Llama3Rope | YarnRope | LongRope;

/** No stretching. @example const rope: DefaultRope = { kind: "default", theta: 1e6 }; */
export interface DefaultRope extends RopeBase {
  readonly kind: "default";
}

/** All positions divided by `factor`. @example const rope: LinearRope = { kind: "linear", theta: 10000, factor: 2 }; */
export interface LinearRope extends RopeBase {
  readonly kind: "linear";
  readonly factor: number;
}

/**
 * The base grows with sequences longer than `maxPositions`, or up to there is larger by `alpha` (HunYuan).
 * @example const rope: DynamicRope = { kind: "dynamic", theta: 10000, factor: 2, maxPositions: 4096 };
 */
export interface DynamicRope extends RopeBase {
  readonly kind: "dynamic";
  readonly factor: number;
  readonly maxPositions: number;
  readonly alpha?: number;
}

/**
 * LongRoPE: a divisor for each pair of dimensions, others for sequences longer than `originalPositions`.
 * @example const rope: LongRope = { kind: "longrope", theta: 1e4, shortFactor: [1, 1.2], longFactor: [1, 8], originalPositions: 4096, shortScale: 1.2, longScale: 1.2 };
 */
export interface LongRope extends RopeBase {
  readonly kind: "longrope";
  readonly shortFactor: readonly number[];
  readonly longFactor: readonly number[];
  readonly originalPositions: number;
  /** Factors of cos and sin. */
  readonly shortScale: number;
  readonly longScale: number;
}

/**
 * Long wavelengths divided by `factor`, short ones kept, a ramp between.
 * @example const rope: Llama3Rope = { kind: "llama3", theta: 5e5, factor: 8, lowFrequency: 1, highFrequency: 4, originalPositions: 8192 };
 */
export interface Llama3Rope extends RopeBase {
  readonly kind: "llama3";
  readonly factor: number;
  readonly lowFrequency: number;
  readonly highFrequency: number;
  readonly originalPositions: number;
}

/**
 * YaRN: a ramp over dimensions, and cos and sin scaled by `attentionFactor`.
 * @example const rope: YarnRope = { kind: "yarn", theta: 1e6, factor: 4, betaFast: 32, betaSlow: 1, truncate: true, originalPositions: 32768, attentionFactor: 1.1386 };
 */
export interface YarnRope extends RopeBase {
  readonly kind: "yarn";
  readonly factor: number;
  readonly betaFast: number;
  readonly betaSlow: number;
  /** Round the ends of the ramp to whole dimensions. */
  readonly truncate: boolean;
  readonly originalPositions: number;
  readonly attentionFactor: number;
}
