/** S queries, L keys, H heads. */
import * as tf from "@tensorflow/tfjs";
import { gatherRows, weightVariable } from "@moekit/core";
import type { ModelInit } from "../blocks/model-init.js";
import type { RelativePositions } from "./config.js";

/** Which distances a stack tells apart: keys on both sides, or only those before. */
export type Direction = "both" | "before";

/** Added to the scores of keys that a query must not see. */
const MASKED = -1e30;

/**
 * A number per head for each bucket of distances, added to the scores of all layers of a stack.
 * @source Raffel et al. 2020, arXiv:1910.10683, section 2.1, with the buckets of T5.
 */
export class PositionBias {
  /** `[buckets, H]` */
  readonly weight: tf.Variable;

  constructor(
    private readonly config: RelativePositions,
    numHeads: number,
    private readonly direction: Direction,
    stream: string,
    { seed, std }: ModelInit,
  ) {
    this.weight = weightVariable([config.numBuckets, numHeads], { seed, stream, std });
  }

  /** `[1, H, S, L]` for queries at `start` to `start + queries`; where the direction is "before", later keys are masked. */
  of(queries: number, keys: number, start: number): tf.Tensor4D {
    const distance = (at: number) => (at % keys) - (start + Math.floor(at / keys));
    const table = (value: (distance: number) => number) => Int32Array.from({ length: queries * keys }, (_, at) => value(distance(at)));
    const rows = gatherRows(this.weight as tf.Tensor2D, tf.tensor1d(table((far) => bucketOf(far, this.direction, this.config)), "int32"));
    const bias_HSL = tf.reshape(tf.transpose(rows), [1, rows.shape[1], queries, keys]);
    if (this.direction === "both") return bias_HSL as tf.Tensor4D;
    const mask = tf.tensor(Float32Array.from(table((far) => (far > 0 ? 1 : 0))), [1, 1, queries, keys]);
    return tf.add(bias_HSL, tf.mul(mask, MASKED));
  }
}

/**
 * The bucket of a distance (position of the key less that of the query). Near distances have one each, farther ones share
 * buckets that grow in steps of a logarithm. In float32 at each step, as transformers computes them.
 */
export function bucketOf(distance: number, direction: Direction, { numBuckets, maxDistance }: RelativePositions): number {
  const buckets = direction === "both" ? Math.floor(numBuckets / 2) : numBuckets;
  const first = direction === "both" && distance > 0 ? buckets : 0;
  const far = direction === "both" ? Math.abs(distance) : Math.max(-distance, 0);
  const exact = Math.floor(buckets / 2);
  if (far < exact) return first + far;
  const share = Math.fround(Math.fround(Math.log(Math.fround(far / exact))) / Math.fround(Math.log(maxDistance / exact)));
  return first + Math.min(exact + Math.trunc(Math.fround(share * (buckets - exact))), buckets - 1);
}
