import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor1D, Tensor2D, Tensor3D, Variable } from "@tensorflow/tfjs";
import { ConfigError } from "../errors.js";
import { gatherRows } from "../ops/gather-rows/gather-rows.js";
import { randomNormal, weightVariable } from "../random.js";
import type { DispatchPlan, ExpertBank } from "../types.js";

/**
 * What an expert of {@link MixedExperts} does: a network, `a1 x + a2 v`, `x`, or 0.
 * @example experts.kinds.filter((kind: MixedExpertKind) => kind === "ffn").length; // the experts that cost something
 */
export type MixedExpertKind = "ffn" | "constant" | "copy" | "zero";

/**
 * Settings of {@link MixedExperts}.
 * @example const options: MixedExpertsOptions = { ffn: new StackedExperts({ numExperts: 8, dim: 64, hidden: 128, seed: 1 }), dim: 64, zero: 1, seed: 1 };
 */
export interface MixedExpertsOptions {
  /** The feed-forward experts. */
  readonly ffn: ExpertBank;
  /** Model width D. */
  readonly dim: number;
  /** Numbers of the nearly free kinds; default 0 each. */
  readonly constant?: number;
  readonly copy?: number;
  readonly zero?: number;
  readonly seed: number;
  /** Tells the banks of one seed apart. Default `experts`. */
  readonly stream?: string;
}

/**
 * Feed-forward experts together with kinds that cost nearly nothing: constant `a1 x + a2 v` with
 * `[a1, a2] = softmax(W x)`, copy `x`, and zero. Ids count through ffn, constant, copy, zero, in that order.
 *
 * `W` starts truncated normal with standard deviation 0.02, `v` normal with 1. The gate of a zero expert is the router's
 * business: nothing is renormalised here.
 *
 * @source Jin et al. 2024 (MoE++), arXiv:2410.07348, eq. 3-5; order of kinds from moe_plus_plus_layer.py.
 * @example const experts = new MixedExperts({ ffn, dim: 64, constant: 2, copy: 1, zero: 1, seed: 1 });
 */
export class MixedExperts implements ExpertBank {
  readonly ffn: ExpertBank;
  /** Kind of each expert, for losses, capacity and placement. */
  readonly kinds: readonly MixedExpertKind[];
  /** `[C, 2·D]`: both rows of each constant expert's W. */
  readonly constantMix?: Variable<Rank.R2>;
  /** `[C, D]`: v of each constant expert. */
  readonly constantVector?: Variable<Rank.R2>;

  /** @throws ConfigError if a number of experts is not a whole number from 0. */
  constructor({ ffn, dim, constant = 0, copy = 0, zero = 0, seed, stream = "experts" }: MixedExpertsOptions) {
    for (const [name, count] of Object.entries({ constant, copy, zero })) {
      if (!Number.isInteger(count) || count < 0) throw new ConfigError(`MixedExperts: ${name} must be a whole number from 0; got ${count}.`);
    }
    this.ffn = ffn;
    const counts: [MixedExpertKind, number][] = [["ffn", ffn.numExperts], ["constant", constant], ["copy", copy], ["zero", zero]];
    this.kinds = counts.flatMap(([kind, count]) => new Array<MixedExpertKind>(count).fill(kind));
    if (constant === 0) return;
    this.constantMix = weightVariable([constant, 2 * dim], { seed, stream: `${stream}.constantMix` });
    const vectors = randomNormal(constant * dim, { seed, stream: `${stream}.constantVector` });
    this.constantVector = tf.tidy(() => tf.variable(tf.tensor2d(vectors, [constant, dim])));
  }

  get numExperts(): number {
    return this.kinds.length;
  }

  /** @param x - `[N, D]` rows sorted by expert. @returns `[N, D]`; rows past the last expert are 0. */
  forward(x: Tensor2D, plan: DispatchPlan): Tensor2D {
    if (x.shape[0] === 0) return tf.zeros(x.shape);
    return tf.tidy(() => {
      const numFfn = this.ffn.numExperts;
      const ffnPlan = { ...plan, numExperts: numFfn, offsets: tf.slice(plan.offsets, [0], [numFfn + 1]) };
      const expert_N = expertOfRow(plan.offsets, x.shape[0]);
      const copied = tf.mul(x, this.rowsOfKind(expert_N, "copy"));
      return tf.addN([this.ffn.forward(x, ffnPlan), copied, ...this.constantRows(x, expert_N)]) as Tensor2D;
    });
  }

  /** `[N, 1]`: 1 for rows of an expert of this kind. */
  private rowsOfKind(expert_N: Tensor1D, kind: MixedExpertKind): Tensor2D {
    const [first, end] = [this.kinds.indexOf(kind), this.kinds.lastIndexOf(kind) + 1];
    const inside = tf.logicalAnd(tf.greaterEqual(expert_N, first), tf.less(expert_N, end));
    return tf.cast(tf.expandDims(inside, 1), "float32") as Tensor2D;
  }

  private constantRows(x: Tensor2D, expert_N: Tensor1D): Tensor2D[] {
    if (!this.constantMix || !this.constantVector) return [];
    const [numRows, dim] = x.shape;
    const isConstant_N1 = this.rowsOfKind(expert_N, "constant");
    const constantIds = constantIdsOf(expert_N, isConstant_N1, this.kinds.indexOf("constant"));
    const mix_N2D = tf.reshape(gatherRows(this.constantMix, constantIds), [numRows, 2, dim]) as Tensor3D;
    const a_N2 = tf.softmax(tf.sum(tf.mul(mix_N2D, tf.expandDims(x, 1)), 2)) as Tensor2D;
    const [a1_N1, a2_N1] = tf.split(a_N2, 2, 1);
    const kept = tf.mul(tf.mul(x, a1_N1!), isConstant_N1);
    // gatherRows gives 0 for all other rows.
    return [kept, tf.mul(gatherRows(this.constantVector, constantIds), a2_N1!)] as Tensor2D[];
  }
}

/** `[N]` int32: the expert of each sorted row, E for rows of no expert. Counts the segments that end at or before the row. */
function expertOfRow(offsets: Tensor1D, numRows: number): Tensor1D {
  const ends_E = tf.slice(offsets, [1], [offsets.size - 1]);
  const row_N1 = tf.expandDims(tf.range(0, numRows, 1, "int32"), 1);
  return tf.cast(tf.sum(tf.cast(tf.greaterEqual(row_N1, ends_E), "float32"), 1), "int32") as Tensor1D;
}

/** `[N]` int32: the row of the constant experts' variables, -1 for rows of other kinds. */
function constantIdsOf(expert_N: Tensor1D, isConstant_N1: Tensor2D, first: number): Tensor1D {
  const isConstant_N = tf.cast(tf.reshape(isConstant_N1, [-1]), "bool");
  return tf.where(isConstant_N, tf.sub(expert_N, tf.scalar(first, "int32")), tf.fill(expert_N.shape, -1, "int32")) as Tensor1D;
}
