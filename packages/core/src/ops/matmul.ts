import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";

/**
 * Multiplies two matrices, with sizes of zero allowed: `A B`, each transposed first where its flag says so.
 *
 * For references and gradients of ops. On wasm the transposes are written out, because its matmul is ten times slower
 * with a flag than without; other backends read transposed operands at full speed. There it also avoids a wrong result
 * of tfjs for reshaped operands (see below), so use it instead of `tf.matMul`.
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
  if (tf.getBackend() === "webgpu" && transposeB && p >= WEBGPU_SPLIT) return tf.tidy(() => tf.matMul(a, tf.transpose(b), transposeA));
  if (tf.getBackend() !== "wasm") return tf.matMul(a, b, transposeA, transposeB);
  return tf.tidy(() => tf.matMul(transposed(a, transposeA), ownOperand(transposed(b, transposeB))));
}

/** Sums of this length the webgpu backend splits, and its kernel for that reads a transposed right-hand side wrongly (4.22). */
const WEBGPU_SPLIT = 2000;

const transposed = (x: Tensor2D, flag: boolean): Tensor2D => (flag ? tf.transpose(x) : x);

/** Shape in which each piece of wasm memory was last the right-hand side. */
const rightShapes = new WeakMap<object, string>();

/**
 * The wasm backend packs a right-hand side once and finds it again by its memory alone, not its shape (4.22): a reshaped
 * tensor, which shares memory, would be multiplied in its first shape. Such a one is copied.
 */
function ownOperand(b: Tensor2D): Tensor2D {
  const shape = b.shape.join();
  const known = rightShapes.get(b.dataId);
  if (known !== undefined && known !== shape) return tf.add(b, 0);
  rightShapes.set(b.dataId, shape);
  return b;
}
