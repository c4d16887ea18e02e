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
  /** True where the family's long kind has scales of its own and, as transformers computes it, keeps the short factors. @defaultValue false */
  readonly readsScales?: boolean;
}

/** Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (transformers 4). */
export function readRope(config: ConfigReader, { theta: defaultTheta, maxPositions, headDim, partial = 1, readsPartial = false, readsAlpha = false, readsScales = false }: RopeDefaults): { rope: RopeConfig; dim: number } {
  if (config.has("rope_parameters") && config.has("rope_scaling")) config.fail("rope_parameters and rope_scaling contradict each other; keep one of them.");
  const scaling = config.object(config.has("rope_scaling") ? "rope_scaling" : "rope_parameters");
  const theta = readTheta(config, scaling, defaultTheta);
  if (scaling.has("rope_type") && scaling.has("type") && scaling.text("type") !== scaling.text("rope_type")) scaling.fail("rope_type and type contradict each other.");
  const kind = scaling.text("rope_type", scaling.text("type", "default"));
  const dim = readDim(kind, config, scaling, { headDim, partial, readsPartial });
  const rope = readKind(kind, scaling, { theta, maxPositions, originalPositions: readOriginal(kind, config, scaling) ?? maxPositions, dim, readsAlpha, readsScales });
  scaling.finish();
  return { rope, dim };
}

function readDim(kind: string, config: ConfigReader, scaling: ConfigReader, { headDim, partial, readsPartial }: Required<Pick<RopeDefaults, "headDim" | "partial" | "readsPartial">>): number {
  if (!readsPartial) {
    for (const where of [config, scaling]) where.only("partial_rotary_factor", 1, "this family rotates all dimensions.");
    if (headDim % 2 !== 0) config.fail(`head_dim (or hidden_size / num_attention_heads) must be an even number; got ${headDim}.`);
    return headDim;
  }
  const share = scaling.positive("partial_rotary_factor", config.positive("partial_rotary_factor", partial));
  const dim = Math.trunc(headDim * share);
  // transformers rounds an odd number up, where the kind lets it.
  const isOddInVain = dim % 2 === 1 && ["yarn", "longrope"].includes(kind);
  if (dim === 0 || 2 * Math.ceil(dim / 2) > headDim || isOddInVain) config.fail(`partial_rotary_factor ${share} of head_dim ${headDim} must be ${isOddInVain ? "an even" : "a"} number of dimensions, at most all.`);
  return dim;
}

function readTheta(config: ConfigReader, scaling: ConfigReader, fallback: number): number {
  const outer = config.positive("rope_theta", fallback);
  const theta = scaling.positive("rope_theta", outer);
  if (config.has("rope_theta") && theta !== outer) config.fail(`rope_theta is ${outer} at the top and ${theta} in the rope parameters.`);
  return theta;
}

/** Positions before stretching, which stand in the rope parameters or at the top. */
function readOriginal(kind: string, config: ConfigReader, scaling: ConfigReader): number | undefined {
  const key = "original_max_position_embeddings";
  const outer = config.has(key) ? config.size(key) : undefined;
  if (!["llama3", "yarn", "longrope"].includes(kind)) return undefined;
  const inner = scaling.has(key) ? scaling.size(key) : undefined;
  if (outer !== undefined && inner !== undefined && outer !== inner) config.fail(`${key} is ${outer} at the top and ${inner} in the rope parameters.`);
  return inner ?? outer;
}

interface RopeKnown {
  readonly theta: number;
  readonly maxPositions: number;
  /** Before stretching. */
  readonly originalPositions: number;
  readonly dim: number;
  readonly readsAlpha: boolean;
  readonly readsScales: boolean;
}

function readKind(kind: string, scaling: ConfigReader, known: RopeKnown): RopeConfig {
  const { theta } = known;
  switch (kind) {
    case "default":
      return { kind, theta };
    case "linear":
      return { kind, theta, factor: scaling.positive("factor") };
    case "llama3":
      return readLlama3(scaling, known);
    case "yarn":
      return readYarn(scaling, known);
    case "dynamic":
      return readDynamic(scaling, known);
    case "longrope":
      return readLongRope(scaling, known);
    default:
      return scaling.fail(`the rope type "${kind}" is unknown; known are default, linear, dynamic, llama3, yarn, longrope.`);
  }
}

function readLlama3(scaling: ConfigReader, { theta, originalPositions }: RopeKnown): Llama3Rope {
  const lowFrequency = scaling.positive("low_freq_factor");
  const highFrequency = scaling.positive("high_freq_factor");
  // Equal in Llama 4 Scout: no ramp between the two.
  if (highFrequency < lowFrequency) scaling.fail(`high_freq_factor must be at or above low_freq_factor; got ${highFrequency} and ${lowFrequency}.`);
  return { kind: "llama3", theta, factor: scaling.positive("factor"), lowFrequency, highFrequency, originalPositions };
}

function readDynamic(scaling: ConfigReader, { theta, maxPositions, readsAlpha }: RopeKnown): DynamicRope {
  const alpha = readsAlpha && scaling.has("alpha") ? scaling.positive("alpha") : undefined;
  // HunYuan's files name YaRN's settings too, which this kind does not have.
  if (alpha !== undefined) scaling.ignore("beta_fast", "beta_slow", "mscale", "mscale_all_dim");
  return { kind: "dynamic", theta, maxPositions, factor: scaling.positive("factor", alpha ? 1 : undefined), alpha };
}

function readLongRope(scaling: ConfigReader, { theta, maxPositions, originalPositions, dim, readsScales }: RopeKnown): LongRope {
  const factor = scaling.positive("factor", maxPositions / originalPositions);
  const scale = scaling.positive("attention_factor", factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalPositions)));
  const factors = (key: string) => scaling.numbers(key, dim / 2);
  const [shortFactor, longFactor] = [factors("short_factor"), factors("long_factor")];
  if (readsScales) return { kind: "longrope", theta, originalPositions, shortFactor, longFactor: shortFactor, shortScale: scaling.positive("short_mscale"), longScale: scaling.positive("long_mscale") };
  return { kind: "longrope", theta, originalPositions, shortFactor, longFactor, shortScale: scale, longScale: scale };
}

function readYarn(scaling: ConfigReader, { theta, maxPositions, originalPositions }: RopeKnown): YarnRope {
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
  return mscale > 0 && allDim > 0 ? yarnScale(factor, mscale) / yarnScale(factor, allDim) : yarnScale(factor, 1);
}

/** By how much YaRN sharpens attention, `getm(factor, m)`. */
export function yarnScale(factor: number, m: number): number {
  return factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1;
}
