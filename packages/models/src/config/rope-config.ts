import type { ConfigReader } from "./config-reader.js";

interface RopeBase {
  /** Base of the wavelengths. */
  readonly theta: number;
}

/**
 * Rotary position embedding and how it is stretched to longer contexts.
 * @example const rope: RopeConfig = { kind: "default", theta: 10000 };
 */
export type RopeConfig = DefaultRope | LinearRope | Llama3Rope | YarnRope;

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

/**
 * Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (transformers 4).
 *
 * @param defaultTheta - The family's theta where the file gives none.
 */
export function readRope(config: ConfigReader, { defaultTheta, maxPositions }: { defaultTheta: number; maxPositions: number }): RopeConfig {
  if (config.has("rope_parameters") && config.has("rope_scaling")) config.fail("rope_parameters and rope_scaling contradict each other; keep one of them.");
  const scaling = config.object(config.has("rope_scaling") ? "rope_scaling" : "rope_parameters");
  const theta = readTheta(config, scaling, defaultTheta);
  if (scaling.has("rope_type") && scaling.has("type") && scaling.text("type") !== scaling.text("rope_type")) scaling.fail("rope_type and type contradict each other.");
  const kind = scaling.text("rope_type", scaling.text("type", "default"));
  const rope = readKind(kind, scaling, theta, maxPositions);
  scaling.only("partial_rotary_factor", 1, "this family rotates all dimensions.");
  scaling.finish();
  return rope;
}

function readTheta(config: ConfigReader, scaling: ConfigReader, fallback: number): number {
  const outer = config.positive("rope_theta", fallback);
  const theta = scaling.positive("rope_theta", outer);
  if (config.has("rope_theta") && theta !== outer) config.fail(`rope_theta is ${outer} at the top and ${theta} in the rope parameters.`);
  return theta;
}

function readKind(kind: string, scaling: ConfigReader, theta: number, maxPositions: number): RopeConfig {
  switch (kind) {
    case "default":
      return { kind, theta };
    case "linear":
      return { kind, theta, factor: scaling.positive("factor") };
    case "llama3":
      return readLlama3(scaling, theta, maxPositions);
    case "yarn":
      return readYarn(scaling, theta, maxPositions);
    default:
      return scaling.fail(`the rope type "${kind}" is unknown; known are default, linear, llama3, yarn.`);
  }
}

function readLlama3(scaling: ConfigReader, theta: number, maxPositions: number): Llama3Rope {
  const lowFrequency = scaling.positive("low_freq_factor");
  const highFrequency = scaling.positive("high_freq_factor");
  if (highFrequency <= lowFrequency) scaling.fail(`high_freq_factor must be above low_freq_factor; got ${highFrequency} and ${lowFrequency}.`);
  const originalPositions = scaling.size("original_max_position_embeddings", maxPositions);
  return { kind: "llama3", theta, factor: scaling.positive("factor"), lowFrequency, highFrequency, originalPositions };
}

function readYarn(scaling: ConfigReader, theta: number, maxPositions: number): YarnRope {
  const originalPositions = scaling.size("original_max_position_embeddings", maxPositions);
  const factor = scaling.positive("factor", maxPositions / originalPositions);
  return {
    kind: "yarn",
    theta,
    factor,
    betaFast: scaling.positive("beta_fast", 32),
    betaSlow: scaling.positive("beta_slow", 1),
    truncate: scaling.flag("truncate", true),
    originalPositions,
    attentionFactor: scaling.positive("attention_factor", yarnAttentionFactor(factor, scaling)),
  };
}

/** `getm(factor, mscale) / getm(factor, mscale_all_dim)` where both are given, else `getm(factor, 1)`. */
function yarnAttentionFactor(factor: number, scaling: ConfigReader): number {
  const mscale = scaling.nonNegative("mscale", 0);
  const allDim = scaling.nonNegative("mscale_all_dim", 0);
  const getm = (m: number) => (factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1);
  return mscale > 0 && allDim > 0 ? getm(mscale) / getm(allDim) : getm(1);
}
