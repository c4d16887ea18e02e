import { huggingFaceAuxLossOf } from "@moekit/balancing";
import type { Scalar } from "@tensorflow/tfjs";
import type { RoutingTrace } from "@moekit/core";

/**
 * The load-balancing loss that the MoE classes of transformers train with, over the router logits of all layers together:
 * the value of the method `huggingFaceAuxLoss` of `@moekit/balancing`. The model adds it times its `auxLossCoefficient`.
 *
 * @returns A scalar; 0 for a trace without entries. It is k at perfect balance.
 * @throws ConfigError if layers differ in their number of experts.
 * @source `load_balancing_loss_func` of transformers 5.18.
 * @example const loss = tf.add(crossEntropy, tf.mul(model.config.auxLossCoefficient, huggingFaceAuxLoss(trace)));
 */
export function huggingFaceAuxLoss(trace: RoutingTrace): Scalar {
  return huggingFaceAuxLossOf(trace);
}
