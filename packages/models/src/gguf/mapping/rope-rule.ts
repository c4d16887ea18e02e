import { ConfigError } from "@moekit/core";
import type { HuggingFaceConfig } from "../../config/model-config.js";
import { f32, shortest, text, u32, type ArchitectureReader, type ConfigRule, type Entries } from "./config-rule.js";

type Rope = Readonly<Record<string, unknown>>;

/** What the family's class takes where config.json says nothing. */
export interface RopeDefaults {
  readonly theta: number;
  /** Of YaRN: whether the ends of its ramp are rounded. @defaultValue true */
  readonly truncate?: boolean;
  /** All parameters, where config.json gives none. @defaultValue no scaling */
  readonly parameters?: Rope;
  /** True for DeepSeek, whose YaRN leaves cos and sin as they are where it has an `mscale_all_dim`, and scales scores instead. @defaultValue false */
  readonly scalesScores?: boolean;
  /** True for Phi-MoE, whose LongRoPE names its factors of cos and sin. @defaultValue false */
  readonly namesScales?: boolean;
}

/** The divisors of frequencies that say what no metadata can, of all texts or of long and short ones. */
export const ROPE_FACTORS = { usual: "rope_freqs.weight", long: "rope_factors_long.weight", short: "rope_factors_short.weight" };

/**
 * Rotary positions. Plain, linear and YaRN scaling are metadata; llama3 scaling is a tensor of divisors, which comes back as
 * llama3 where its usual settings give the same numbers, else as LongRoPE with these divisors.
 */
export function rope(defaults: RopeDefaults): ConfigRule {
  const { theta } = defaults;
  return {
    keys: ["rope_theta", "rope_scaling", "rope_parameters", "original_max_position_embeddings"],
    toGguf(config) {
      const parameters = ropeParameters(config, defaults);
      return { "rope.freq_base": f32(parameters.rope_theta as number), ...scalingEntries(parameters, config, defaults) };
    },
    toConfig(from) {
      const base = from.real("rope.freq_base", theta);
      return { rope_parameters: { rope_theta: base, ...readScaling(from, base, defaults) } };
    },
    tensors(config): Record<string, Float32Array> {
      const parameters = ropeParameters(config, defaults);
      if (parameters.rope_type === "llama3") return { [ROPE_FACTORS.usual]: llama3Factors(parameters, headDimOf(config), config) };
      if (parameters.rope_type !== "longrope") return {};
      return { [ROPE_FACTORS.long]: Float32Array.from(parameters.long_factor as number[]), [ROPE_FACTORS.short]: Float32Array.from(parameters.short_factor as number[]) };
    },
  };
}

function ropeParameters(config: HuggingFaceConfig, { theta, parameters = {} }: RopeDefaults): Rope {
  const nested = (config.rope_parameters ?? config.rope_scaling ?? parameters) as Rope;
  return { ...nested, rope_type: nested.rope_type ?? nested.type ?? "default", rope_theta: nested.rope_theta ?? config.rope_theta ?? theta };
}

const headDimOf = (config: HuggingFaceConfig): number => Number(config.head_dim ?? Math.floor(Number(config.hidden_size) / Number(config.num_attention_heads)));

/** A tenth of `mscale_all_dim`. */
export const SCORE_SCALE = "rope.scaling.yarn_log_multiplier";

/** YaRN's numbers: our key, theirs. */
const YARN_REALS = { beta_fast: "rope.scaling.yarn_beta_fast", beta_slow: "rope.scaling.yarn_beta_slow" };

function scalingEntries(parameters: Rope, config: HuggingFaceConfig, { truncate = true, scalesScores = false }: RopeDefaults): Entries {
  const { rope_type: type } = parameters;
  if (type === "default" || type === "llama3") return {};
  if (type === "longrope") return longRopeEntries(parameters, config);
  if (type !== "linear" && type !== "yarn") throw new ConfigError(`exportGguf: rope type "${String(type)}" cannot be said in a GGUF file; default, linear, yarn, llama3 and longrope can.`);
  const scaling = { "rope.scaling.type": text(type), "rope.scaling.factor": f32(Number(parameters.factor)) };
  if (type === "linear") return scaling;
  if ((parameters.truncate ?? true) !== truncate) throw new ConfigError(`exportGguf: "truncate": ${String(parameters.truncate)} of YaRN cannot be said in a GGUF file of this architecture.`);
  checkAttentionFactor(parameters, scalesScores);
  const original = Number(parameters.original_max_position_embeddings ?? config.max_position_embeddings);
  const reals = Object.entries(YARN_REALS).filter(([key]) => parameters[key] !== undefined && parameters[key] !== null);
  return { ...scaling, "rope.scaling.original_context_length": u32(original), ...Object.fromEntries(reals.map(([key, gguf]) => [gguf, f32(Number(parameters[key]))])) };
}

/** GGUF readers always take `0.1 ln(factor) + 1`, and 1 where scores are scaled instead. */
function checkAttentionFactor({ attention_factor: given, factor, mscale, mscale_all_dim: allDim }: Rope, scalesScores: boolean): void {
  const sharpness = (m: number) => (Number(factor) <= 1 ? 1 : 0.1 * m * Math.log(Number(factor)) + 1);
  const [m, all] = [Number(mscale ?? 0), Number(allDim ?? 0)];
  const own = Number(given ?? (m && all ? sharpness(m) / sharpness(all) : sharpness(1)));
  const usual = scalesScores && all ? 1 : sharpness(1);
  if (Math.abs(own - usual) > 1e-6 * usual) throw new ConfigError(`exportGguf: the attention_factor ${own} of YaRN (given, or what mscale and mscale_all_dim make) cannot be said in a GGUF file; it always is ${usual} there.`);
}

function readScaling(from: ArchitectureReader, theta: number, defaults: RopeDefaults): Rope {
  const type = from.text("rope.scaling.type", "none");
  const { long, short, usual } = from.ropeFactors;
  if (long && short) return readLongRope(from, { long, short }, defaults);
  if (type === "linear") return { rope_type: type, factor: from.real("rope.scaling.factor") };
  if (type === "yarn") return readYarn(from, defaults);
  if (type !== "none") throw new ConfigError(`openGguf: the rope scaling "${type}" is unknown; known are none, linear and yarn.`);
  return usual ? ropeOfFactors(usual, theta, from.count("context_length")) : { rope_type: "default" };
}

/** One factor on cos and sin: GGUF does not tell long from short texts in that. */
function longRopeEntries(parameters: Rope, config: HuggingFaceConfig): Entries {
  const original = Number(parameters.original_max_position_embeddings ?? config.original_max_position_embeddings ?? config.max_position_embeddings);
  const ratio = Number(parameters.factor ?? Number(config.max_position_embeddings) / original);
  const { short_mscale: short, long_mscale: long, attention_factor: given } = parameters;
  if (short !== long) throw new ConfigError(`exportGguf: short_mscale ${String(short)} and long_mscale ${String(long)} of longrope must be equal to be said in a GGUF file.`);
  const scale = Number(short ?? given ?? (ratio <= 1 ? 1 : Math.sqrt(1 + Math.log(ratio) / Math.log(original))));
  return { "rope.scaling.type": text("longrope"), "rope.scaling.original_context_length": u32(original), "rope.scaling.attn_factor": f32(scale) };
}

function readLongRope(from: ArchitectureReader, { long, short }: { long: Float32Array; short: Float32Array }, { namesScales }: RopeDefaults): Rope {
  const scale = from.real("rope.scaling.attn_factor", 1);
  const original = from.count("rope.scaling.original_context_length", from.count("context_length"));
  const scales = namesScales ? { short_mscale: scale, long_mscale: scale } : { attention_factor: scale };
  return { rope_type: "longrope", long_factor: Array.from(long, shortest), short_factor: Array.from(short, shortest), original_max_position_embeddings: original, ...scales };
}

function readYarn(from: ArchitectureReader, { truncate = true, scalesScores }: RopeDefaults): Rope {
  const reals = Object.entries(YARN_REALS).filter(([, gguf]) => from.has(gguf));
  // A tenth of it is in the file.
  const all = scalesScores ? Number((10 * from.real(SCORE_SCALE, 0)).toPrecision(6)) : 0;
  return {
    rope_type: "yarn",
    factor: from.real("rope.scaling.factor"),
    original_max_position_embeddings: from.count("rope.scaling.original_context_length", from.count("context_length")),
    ...Object.fromEntries(reals.map(([key, gguf]) => [key, from.real(gguf)])),
    ...(all ? { mscale: all, mscale_all_dim: all } : {}),
    ...(truncate ? {} : { truncate }),
  };
}

function llama3Factors(parameters: Rope, headDim: number, config: HuggingFaceConfig): Float32Array {
  const [factor, low, high] = [parameters.factor, parameters.low_freq_factor, parameters.high_freq_factor].map(Number) as [number, number, number];
  const original = Number(parameters.original_max_position_embeddings ?? config.max_position_embeddings);
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * Number(parameters.rope_theta) ** ((2 * i) / headDim);
    const ramp = Math.min(1, Math.max(0, (original / wavelength - low) / (high - low)));
    return 1 / ((1 - ramp) / factor + ramp);
  });
}

/** Of Llama 3 and of Llama 4; the first context length is a power of two. */
const USUAL_LLAMA3 = [4, 1].map((high) => ({ low_freq_factor: 1, high_freq_factor: high }));

/** The scaling that a tensor of divisors means. */
function ropeOfFactors(factors: Float32Array, rope_theta: number, positions: number): Rope {
  const candidates = Array.from({ length: 17 }, (_, i) => 2 ** (i + 4)).flatMap((original) => USUAL_LLAMA3.map((settings) => ({ ...settings, original_max_position_embeddings: original })));
  for (const settings of candidates) {
    const usual = { rope_type: "llama3", factor: shortest(factors.at(-1)!), ...settings };
    const expected = llama3Factors({ ...usual, rope_theta }, 2 * factors.length, {});
    if (expected.every((value, i) => Math.abs(value - factors[i]!) <= 1e-5 * value)) return usual;
  }
  const divisors = Array.from(factors, shortest);
  return { rope_type: "longrope", short_factor: divisors, long_factor: divisors, attention_factor: 1, original_max_position_embeddings: positions };
}
