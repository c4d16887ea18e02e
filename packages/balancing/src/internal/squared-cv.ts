import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor1D } from "@tensorflow/tfjs";
import { checkOneOf } from "./check.js";

/**
 * `unbiased`: divided by n - 1, and 1e-10 added to the squared mean, as in the PyTorch port; `population`: divided by n.
 * Its 1e-18 is lost in the rounding except where there is no token at all: then it keeps 0 / 0 from being NaN.
 */
export type Variance = "unbiased" | "population";

/** Throws a ConfigError unless `variance` is one. */
export const checkVariance = (where: string, variance: Variance): void => checkOneOf(where, "variance", variance, ["unbiased", "population"]);

/** Squared coefficient of variation: variance over squared mean. 0 for a single number. */
export function squaredCv(x: Tensor1D, variance: Variance): Scalar {
  const n = x.size;
  if (n === 1) return tf.mul(tf.sum(x), 0) as Scalar;
  const mean = tf.mean(x);
  const sumOfSquares = tf.sum(tf.square(tf.sub(x, mean)));
  const spread = tf.div(sumOfSquares, variance === "unbiased" ? n - 1 : n);
  return tf.div(spread, tf.add(tf.square(mean), variance === "unbiased" ? 1e-10 : 1e-18)) as Scalar;
}
