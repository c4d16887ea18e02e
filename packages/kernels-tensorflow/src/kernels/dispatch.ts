import * as tf from "@tensorflow/tfjs";
import type { Tensor } from "@tensorflow/tfjs";
import type { TensorflowKernels } from "../kernel.js";
import type { TensorflowOps } from "../tensorflow-ops.js";

/** Copies of rows to experts and weighted sums back. N rows, T tokens, K slots of a token. */
export const dispatchKernels: TensorflowKernels = {
  MoekitDispatch: (ops, { x, order }, { slotsPerToken }) => [ops.gather(x!, tokenOfRow(ops, order!, slotsPerToken as number))],

  /** The sum over a token's slots is a product of small matrices, `[1, K]` by `[K, D]`: no scaled copy of the rows. */
  MoekitCombine: (ops, { y, gates, inverse }) => {
    const [[T, K], D] = [gates!.shape as [number, number], y!.shape[1]!];
    const rows_TKD = tf.reshape(ops.gather(y!, inverse!), [T, K, D]);
    return [tf.reshape(ops.batchMatmul(tf.reshape(gates!, [T, 1, K]), rows_TKD), [T, D])];
  },

  /** As above; `dy` is brought into the order of the rows once, for both gradients. */
  MoekitCombineGrad: (ops, { y, gates, order, inverse, dy }) => {
    const [N, D] = y!.shape as [number, number];
    const dy_ND = ops.gather(dy!, tokenOfRow(ops, order!, gates!.shape[1]!));
    const gate_N1 = ops.gather(tf.reshape(gates!, [N, 1]), order!);
    const dGate_N1 = tf.reshape(ops.batchMatmul(tf.reshape(dy_ND, [N, 1, D]), tf.reshape(y!, [N, 1, D]), true), [N, 1]);
    return [tf.mul(dy_ND, gate_N1), tf.reshape(ops.gather(dGate_N1, inverse!), gates!.shape)];
  },
};

/** `[N]`: the token that each sorted row was copied from. */
const tokenOfRow = (ops: TensorflowOps, order: Tensor, slotsPerToken: number): Tensor =>
  slotsPerToken === 1 ? order : ops.floorDiv(order, slotsPerToken);
