import * as tf from "@tensorflow/tfjs";
import type { Tensor, Tensor1D, Tensor2D } from "@tensorflow/tfjs";

/** `[N, I]`: all axes but the last taken as rows. */
export function asRows(x: Tensor): Tensor2D {
  const width = x.shape[x.rank - 1]!;
  return x.rank === 2 ? (x as Tensor2D) : tf.reshape(x, [width === 0 ? 0 : x.size / width, width]);
}

/** Sum over the rows, with no rows allowed, which tf.sum is not sure about on every backend. */
export function sumRows(x: Tensor2D): Tensor1D {
  return x.size === 0 ? tf.zeros([x.shape[1]]) : tf.sum(x, 0);
}
