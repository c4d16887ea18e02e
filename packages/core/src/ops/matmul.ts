import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";

/**
 * Multiplies two matrices, with sizes of zero allowed: `A B`, each transposed first where its flag says so.
 *
 * For references and gradients of ops. On wasm the transposes are written out, because its matmul is ten times slower
 * with a flag than without; other backends read transposed operands at full speed.
 *
 * @param a - `[M, P]`, or `[P, M]` with `transposeA`.
 * @param b - `[P, N]`, or `[N, P]` with `transposeB`.
 * @returns `[M, N]`.
 * @example matmul2d(tf.tensor2d([[1, 2]]), tf.tensor2d([[3, 4]]), false, true).print(); // [[11]]
 */
export function matmul2d(a: Tensor2D, b: Tensor2D, transposeA = false, transposeB = false): Tensor2D {
  const [m, p] = transposeA ? [a.shape[1], a.shape[0]] : a.shape;
  const n = transposeB ? b.shape[0] : b.shape[1];
  if (m * n * p === 0) return tf.zeros([m, n]);
  if (tf.getBackend() !== "wasm") return tf.matMul(a, b, transposeA, transposeB);
  return tf.tidy(() => tf.matMul(transposed(a, transposeA), transposed(b, transposeB)));
}

function transposed(x: Tensor2D, flag: boolean): Tensor2D {
  if (!flag) return x;
  // A single row or column has the same memory either way round.
  return Math.min(...x.shape) === 1 ? tf.reshape(x, [x.shape[1], x.shape[0]]) : tf.transpose(x);
}
