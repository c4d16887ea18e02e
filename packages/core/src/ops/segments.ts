import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D, Tensor3D } from "@tensorflow/tfjs";
import { hostInts, readsSynchronously } from "./host.js";

/** Rows sorted by expert, taken apart and put together without saying how. */
export interface Segments {
  readonly numExperts: number;
  /** What expert e sees of `[N, I]`: its rows alone, or all rows with the others set to 0. */
  take(rows: Tensor2D, expert: number): Tensor2D;
  /** `[N, width]` from one result per expert, in the form that `take` gave; rows of no expert are 0. */
  join(width: number, part: (expert: number) => Tensor2D): Tensor2D;
}

/**
 * Segments of N sorted rows. Where offsets can be read, experts get slices and no arithmetic is wasted; elsewhere each
 * expert gets all rows under a mask, so that nothing is read back.
 */
export function segmentsOf(offsets: Tensor1D, numRows: number): Segments {
  return readsSynchronously() ? slicedSegments(hostInts(offsets), numRows) : maskedSegments(offsets, numRows);
}

/** `[O, I]`: the matrix of one expert in a bank `[E, O, I]`. */
export function matrixOf(bank_EOI: Tensor3D, expert: number): Tensor2D {
  const [, rows, columns] = bank_EOI.shape;
  return tf.reshape(tf.slice(bank_EOI, [expert, 0, 0], [1, rows, columns]), [rows, columns]);
}

function slicedSegments(offsets: Int32Array, numRows: number): Segments {
  const numExperts = offsets.length - 1;
  const count = (expert: number) => offsets[expert + 1]! - offsets[expert]!;
  return {
    numExperts,
    take: (rows, expert) => tf.slice(rows, [offsets[expert]!, 0], [count(expert), rows.shape[1]]),
    join: (width, part) => {
      const parts = range(numExperts).filter((expert) => count(expert) > 0).map(part);
      const tail = numRows - offsets[numExperts]!;
      if (tail > 0 || parts.length === 0) parts.push(tf.zeros([tail, width]));
      return tf.concat(parts, 0);
    },
  };
}

function maskedSegments(offsets: Tensor1D, numRows: number): Segments {
  const numExperts = offsets.size - 1;
  const row_N = tf.range(0, numRows, 1, "int32");
  const mask = (expert: number) => {
    const [start, end] = [expert, expert + 1].map((i) => tf.slice(offsets, [i], [1]));
    return tf.expandDims(tf.cast(tf.logicalAnd(tf.greaterEqual(row_N, start!), tf.less(row_N, end!)), "float32"), 1);
  };
  return {
    numExperts,
    take: (rows, expert) => tf.tidy(() => tf.mul(rows, mask(expert))),
    // Folded one by one, so that two results are alive at a time instead of E.
    join: (width, part) =>
      range(numExperts).reduce<Tensor2D>(
        (sum, expert) => tf.tidy(() => tf.add(sum, tf.mul(part(expert), mask(expert)))),
        tf.zeros([numRows, width]),
      ),
  };
}

export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
