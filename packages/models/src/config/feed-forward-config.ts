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
  /** Biases on its three projections. @defaultValue false */
  readonly bias?: boolean;
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
  /** Gates multiply what experts give, or what they get. @defaultValue "output" */
  readonly gatesOn?: "input" | "output";
  /** The form of the experts; `clampedSwiglu` is that of gpt-oss, always with biases. @defaultValue "swiglu" */
  readonly experts?: "swiglu" | "clampedSwiglu";
  /** Biases on their three projections. @defaultValue false */
  readonly bias?: boolean;
  /** In training, the block's input is multiplied by random numbers up to this far from 1. @defaultValue 0 */
  readonly inputJitter?: number;
  /** A SwiGLU block that every token passes beside the chosen experts. */
  readonly shared?: SharedExpertConfig;
  /** A bias that is added once to the output; not beside a shared expert. @defaultValue false */
  readonly outputBias?: boolean;
}

/**
 * The shared expert of a layer; several of them are one of their added widths.
 * @example const shared: SharedExpertConfig = { width: 5632, gated: true };
 */
export interface SharedExpertConfig {
  readonly width: number;
  /** Its output is multiplied by `sigmoid(x . w)`. */
  readonly gated: boolean;
  /** Biases on its projections. @defaultValue false */
  readonly bias?: boolean;
}

/**
 * A router of `@moekit/routing` by name, with its options.
 * @example const router: RouterConfig = { name: "topK", renormalise: false };
 */
export interface RouterConfig {
  readonly name: string;
  readonly [option: string]: number | string | boolean;
}
