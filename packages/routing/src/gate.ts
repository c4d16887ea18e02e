import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { ConfigError, constantVariable, linear, ShapeError, weightVariable } from "@moekit/core";
import { checkWhole } from "./internal/check.js";

/**
 * A router's linear map from tokens to one logit for each expert: its sizes, and how it starts.
 * @example const gate: GateOptions = { dim: 64, numExperts: 8, seed: 1 };
 */
export interface GateOptions {
  /** Width D of the router's input. */
  readonly dim: number;
  /** E. */
  readonly numExperts: number;
  /** Of the start of the weight; only left out where `weight` is given or `std` is 0. */
  readonly seed?: number;
  /** Tells the routers of one seed apart, e.g. the path of the layer. Default `router`. */
  readonly stream?: string;
  /** Standard deviation of the weight at the start (truncated normal); default 0.02. */
  readonly std?: number;
  /** A bias of the logits, 0 at the start. Default false. */
  readonly bias?: boolean;
  /** `[E, D]`: use this variable instead of making one. */
  readonly weight?: Variable<Rank.R2>;
}

/**
 * The variables of a router's linear map.
 * @example const gate: Gate = new TopKRouter({ dim: 64, numExperts: 8, seed: 1 });
 */
export interface Gate {
  /** `[E, D]` float32. */
  readonly weight: Variable<Rank.R2>;
  /** `[E]` float32. */
  readonly bias?: Variable<Rank.R1>;
}

/** Names of the {@link GateOptions}. */
export const GATE_OPTIONS: readonly string[] = ["dim", "numExperts", "seed", "stream", "std", "bias", "weight"] satisfies (keyof GateOptions)[];

/** The variables that `options` describe. `where` is named in errors. */
export function createGate(where: string, options: GateOptions): Gate {
  const { dim, numExperts, bias, weight } = options;
  checkWhole(where, "dim", dim, 1);
  checkWhole(where, "numExperts", numExperts, 1);
  if (weight && weight.shape.join() !== `${numExperts},${dim}`) {
    throw new ShapeError(`${where}: weight must be [E, D] = [${numExperts}, ${dim}]; got [${weight.shape.join(", ")}]. Weights are [out, in].`);
  }
  return { weight: weight ?? startOf(where, options), bias: bias ? constantVariable([numExperts], 0) : undefined };
}

/** `x W^T + b`, `[T, E]` float32. */
export function routerLogits(where: string, x: Tensor2D, { weight, bias }: Gate): Tensor2D {
  const width = weight.shape[1];
  if (x.rank !== 2 || x.shape[1] !== width || x.dtype !== "float32") {
    throw new ShapeError(`${where}: x must be float32 [T, D] = [any, ${width}]; got ${x.dtype} [${x.shape.join(", ")}].`);
  }
  if (x.shape[0] === 0) return tf.zeros([0, weight.shape[0]]);
  return linear(x, weight, bias);
}

function startOf(where: string, { dim, numExperts, seed, stream = "router", std = 0.02 }: GateOptions): Variable<Rank.R2> {
  if (std === 0) return constantVariable([numExperts, dim], 0);
  if (seed === undefined) throw new ConfigError(`${where}: seed must be given, or weight; got neither.`);
  return weightVariable([numExperts, dim], { seed, stream, std });
}
