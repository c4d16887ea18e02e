import * as tf from "@tensorflow/tfjs";
import type { Tensor, Tensor2D } from "@tensorflow/tfjs";
import { matmul2d, ShapeError, readsSynchronously } from "@moekit/core";

/** Coefficients of the quintic iteration: steep at zero, so five steps suffice, at the price of landing near 1 instead of on it. */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const STEPS = 5;

/**
 * Replaces the singular values of a matrix by numbers near 1 (about 0.68 to 1.13), keeping its singular vectors.
 *
 * `X = G / (|G|_F + 1e-7)`, transposed if it has more rows than columns; five times `X = a X + (b S + c S^2) X` with `S = X X^T`;
 * transposed back. A zero matrix stays zero.
 *
 * @param g - One matrix `[R, C]`, or a bank `[..., R, C]` whose matrices are treated separately.
 * @throws ShapeError if `g` has fewer than two axes.
 * @source Jordan et al. 2024, Muon, https://kellerjordan.github.io/posts/muon.
 * @example newtonSchulz(tf.tensor2d([[1, 2], [3, 4]])); // close to [[-0.681, 0.826], [0.741, 0.259]]
 */
export function newtonSchulz(g: Tensor): Tensor {
  if (g.rank < 2) throw new ShapeError(`newtonSchulz: g must be [..., R, C]; got [${g.shape.join(", ")}].`);
  if (g.rank === 2) return tf.tidy(() => oneMatrix(g as Tensor2D));
  return tf.tidy(() => tf.reshape(bank(tf.reshape(g, [-1, ...g.shape.slice(-2)])), g.shape));
}

function bank(g: Tensor): Tensor {
  // Batched products are slow where tensors live in host memory; elsewhere one launch for all experts wins.
  if (readsSynchronously()) return tf.stack(tf.unstack(g).map((matrix) => oneMatrix(matrix as Tensor2D)));
  return iterate(g, (a, b, transposeB) => tf.matMul(a, b, false, transposeB));
}

const oneMatrix = (g: Tensor2D): Tensor2D => iterate(g, (a, b, transposeB) => matmul2d(a, b, false, transposeB));

function iterate<T extends Tensor>(g: T, multiply: (a: T, b: T, transposeB?: boolean) => T): T {
  const tall = g.shape[g.rank - 2]! > g.shape[g.rank - 1]!;
  const flat = tall ? swapLastAxes(g) : g;
  const norm = tf.sqrt(tf.sum(tf.square(flat), [-2, -1], true));
  let x = tf.div(flat, tf.add(norm, 1e-7)) as T;
  for (let i = 0; i < STEPS; i++) x = tf.tidy(() => quintic(x, multiply));
  return tall ? swapLastAxes(x) : x;
}

function quintic<T extends Tensor>(x: T, multiply: (a: T, b: T, transposeB?: boolean) => T): T {
  const s = multiply(x, x, true);
  const polynomial = tf.add(tf.mul(s, B), tf.mul(multiply(s, s), C)) as T;
  return tf.add(tf.mul(x, A), multiply(polynomial, x)) as T;
}

function swapLastAxes<T extends Tensor>(x: T): T {
  return tf.transpose(x, x.rank === 2 ? [1, 0] : [0, 2, 1]) as T;
}
