import type { ConfigReader } from "./config-reader.js";
import type { DynamicRope, Llama3Rope, LongRope, RopeConfig, YarnRope } from "./rope-config.js";

/** What a family knows of its rotary positions beside the file. */
export interface RopeDefaults {
  /** theta where the file gives none. */
  readonly theta: number;
  readonly maxPositions: number;
  readonly headDim: number;
  /** Share of the head that turns, where the file gives none. @defaultValue 1 */
  readonly partial?: number;
  /** False where the family's class ignores a share that the file gives. @defaultValue false */
  readonly readsPartial?: boolean;
  /** True where the family's dynamic kind takes an `alpha`. @defaultValue false */
  readonly readsAlpha?: boolean;
}

/** Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (transformers 4). */
export function readRope(config: ConfigReader, { theta: defaultTheta, maxPositions, headDim, partial = 1, readsPartial = false, readsAlpha = false }: RopeDefaults): { rope: RopeConfig; dim: number } {
  if (config.has("rope_parameters") && config.has("rope_scaling")) config.fail("rope_parameters and rope_scaling contradict each other; keep one of them.");
  const scaling = config.object(config.has("rope_scaling") ? "rope_scaling" : "rope_parameters");
  const theta = readTheta(config, scaling, defaultTheta);
  if (scaling.has("rope_type") && scaling.has("type") && scaling.text("type") !== scaling.text("rope_type")) scaling.fail("rope_type and type contradict each other.");
  const kind = scaling.text("rope_type", scaling.text("type", "default"));
  const dim = readDim(config, scaling, { headDim, partial, readsPartial });
  const rope = readKind(kind, scaling, { theta, maxPositions, dim, readsAlpha });
  scaling.finish();
  return { rope, dim };
}

function readDim(config: ConfigReader, scaling: ConfigReader, { headDim, partial, readsPartial }: Required<Pick<RopeDefaults, "headDim" | "partial" | "readsPartial">>): number {
  if (!readsPartial) {
    scaling.only("partial_rotary_factor", 1, "this family rotates all dimensions.");
    return headDim;
  }
  const share = scaling.positive("partial_rotary_factor", config.positive("partial_rotary_factor", partial));
  const dim = Math.trunc(headDim * share);
  if (share > 1 || dim % 2 !== 0 || dim === 0) config.fail(`partial_rotary_factor ${share} of head_dim ${headDim} must be an even number of dimensions, at most all.`);
  return dim;
}

function readTheta(config: ConfigReader, scaling: ConfigReader, fallback: number): number {
  const outer = config.positive("rope_theta", fallback);
  const theta = scaling.positive("rope_theta", outer);
  if (config.has("rope_theta") && theta !== outer) config.fail(`rope_theta is ${outer} at the top and ${theta} in the rope parameters.`);
  return theta;
}

interface RopeKnown {
  readonly theta: number;
  readonly maxPositions: number;
  readonly dim: number;
  readonly readsAlpha: boolean;
}

function readKind(kind: string, scaling: ConfigReader, known: RopeKnown): RopeConfig {
  const { theta, maxPositions, dim } = known;
  switch (kind) {
    case "default":
      return { kind, theta };
    case "linear":
      return { kind, theta, factor: scaling.positive("factor") };
    case "llama3":
      return readLlama3(scaling, theta, maxPositions);
    case "yarn":
      return readYarn(scaling, theta, maxPositions);
    case "dynamic":
      return readDynamic(scaling, known);
    case "longrope":
      return readLongRope(scaling, theta, maxPositions, dim);
    default:
      return scaling.fail(`the rope type "${kind}" is unknown; known are default, linear, dynamic, llama3, yarn, longrope.`);
  }
}

function readLlama3(scaling: ConfigReader, theta: number, maxPositions: number): Llama3Rope {
  const lowFrequency = scaling.positive("low_freq_factor");
  const highFrequency = scaling.positive("high_freq_factor");
  if (highFrequency <= lowFrequency) scaling.fail(`high_freq_factor must be above low_freq_factor; got ${highFrequency} and ${lowFrequency}.`);
  const originalPositions = scaling.size("original_max_position_embeddings", maxPositions);
  return { kind: "llama3", theta, factor: scaling.positive("factor"), lowFrequency, highFrequency, originalPositions };
}

function readDynamic(scaling: ConfigReader, { theta, maxPositions, readsAlpha }: RopeKnown): DynamicRope {
  const alpha = readsAlpha && scaling.has("alpha") ? scaling.positive("alpha") : undefined;
  return { kind: "dynamic", theta, maxPositions, factor: scaling.positive("factor", alpha ? 1 : undefined), alpha };
}

function readLongRope(scaling: ConfigReader, theta: number, maxPositions: number, dim: number): LongRope {
  const originalPositions = scaling.size("original_max_position_embeddings", maxPositions);
  const factor = scaling.positive("factor", maxPositions / originalPositions);
  const scale = scaling.positive("attention_factor", factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalPositions)));
  const factors = (key: string) => scaling.numbers(key, dim / 2);
  return { kind: "longrope", theta, originalPositions, shortFactor: factors("short_factor"), longFactor: factors("long_factor"), shortScale: scale, longScale: scale };
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
