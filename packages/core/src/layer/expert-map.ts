import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { ConfigError } from "../errors.js";
import { stopGradient } from "../stop-gradient.js";

/**
 * From the experts that a router chooses between (logical) to those that exist (physical).
 *
 * Several logical experts may share a physical one (tied, merged); one logical expert may have several physical copies
 * (replicas), which take its tokens in turn.
 *
 * @example new ExpertMap([[0], [0], [1]], 2); // experts 0 and 1 were merged
 * @example new ExpertMap([[0, 2], [1]], 3); // expert 0 has two copies
 */
export class ExpertMap {
  readonly numLogical: number;
  private readonly turns: number;
  private readonly table: Int32Array;

  /**
   * @param replicas - For each logical expert the physical ones that compute it, at least one.
   * @throws ConfigError if a logical expert has no physical one or names one that does not exist.
   */
  constructor(
    replicas: readonly (readonly number[])[],
    readonly numPhysical: number,
  ) {
    checkReplicas(replicas, numPhysical);
    this.numLogical = replicas.length;
    // With as many turns as the least common multiple of the counts, every copy gets its exact share.
    this.turns = replicas.map((copies) => copies.length).reduce(leastCommonMultiple, 1);
    this.table = Int32Array.from(replicas.flatMap((copies) => Array.from({ length: this.turns }, (_, turn) => copies[turn % copies.length]!)));
  }

  /**
   * Physical ids for logical ones. Row r takes copy `r mod count`; -1 stays -1. No gradient.
   * @param ids - `[T, K]` int32.
   * @returns `[T, K]` int32.
   * @example map.toPhysical(routing.expertIds);
   */
  toPhysical(ids: Tensor2D): Tensor2D {
    if (ids.size === 0) return stopGradient(ids);
    return tf.tidy(() => {
      const logical = stopGradient(ids);
      const turn_T1 = tf.tensor2d(Int32Array.from({ length: ids.shape[0] }, (_, row) => row % this.turns), [ids.shape[0], 1], "int32");
      const isReal = tf.greaterEqual(logical, tf.scalar(0, "int32"));
      const cell = tf.add(tf.mul(tf.maximum(logical, tf.scalar(0, "int32")), tf.scalar(this.turns, "int32")), turn_T1);
      const physical = tf.reshape(tf.gather(tf.tensor1d(this.table, "int32"), tf.reshape(cell, [-1])), ids.shape);
      return tf.where(isReal, physical, logical) as Tensor2D;
    });
  }
}

function checkReplicas(replicas: readonly (readonly number[])[], numPhysical: number): void {
  replicas.forEach((copies, logical) => {
    if (copies.length === 0) throw new ConfigError(`ExpertMap: logical expert ${logical} must have at least one physical expert; got none.`);
    const wrong = copies.find((id) => !Number.isInteger(id) || id < 0 || id >= numPhysical);
    if (wrong !== undefined) throw new ConfigError(`ExpertMap: physical experts are 0 to ${numPhysical - 1}; logical expert ${logical} names ${wrong}.`);
  });
}

const leastCommonMultiple = (a: number, b: number): number => (a * b) / greatestCommonDivisor(a, b);
const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
