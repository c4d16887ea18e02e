import * as tf from "@tensorflow/tfjs";
import { ShapeError, stopGradient, tokensPerExpert, topK, type RoutingTrace, type TokenChoice } from "@moekit/core";

/**
 * The load-balancing loss that the MoE classes of transformers train with, over the router logits of all layers together:
 * `E * sum_e f_e P_e`, with `f_e` the mean number of choices of expert e per token and `P_e` its mean softmax probability.
 * It is k at perfect balance.
 *
 * The gradient flows through `P`; the model adds the loss times its `auxLossCoefficient`.
 *
 * @returns A scalar; 0 for a trace without entries.
 * @throws ShapeError if a router is not token choice.
 * @source Fedus et al. 2021, arXiv:2101.03961, eq. 4-6, as in `load_balancing_loss_func` of transformers 5.18: summed over the
 * k choices, averaged over the tokens of all layers.
 * @example const loss = tf.add(crossEntropy, tf.mul(model.config.auxLossCoefficient, huggingFaceAuxLoss(trace)));
 */
export function huggingFaceAuxLoss(trace: RoutingTrace): tf.Scalar {
  if (trace.length === 0) return tf.scalar(0);
  return tf.tidy(() => {
    const perLayer = trace.map(({ routing }) => {
      if (routing.kind !== "token-choice") throw new ShapeError(`huggingFaceAuxLoss: routers must be token choice; got ${routing.kind}.`);
      const probs_TE = tf.softmax(routing.logits);
      return { probs_E: tf.mean(probs_TE, 0), counts_E: tf.div(tokensPerExpert(choiceByProbability(routing, probs_TE)), probs_TE.shape[0]) };
    });
    // All layers see the same tokens, so the mean over layers of means is the mean over everything.
    const probs_E = mean(perLayer.map((layer) => layer.probs_E));
    const counts_E = mean(perLayer.map((layer) => layer.counts_E));
    return tf.mul(tf.sum(tf.mul(probs_E, counts_E)), trace[0]!.routing.numExperts);
  });
}

/** A choice made by other scores (a selection bias, say) is counted as if it were made by the probabilities, as transformers does. */
function choiceByProbability(routing: TokenChoice, probs_TE: tf.Tensor2D): TokenChoice {
  if (!routing.selectionScores) return routing;
  const { ids } = topK(stopGradient(probs_TE), routing.expertIds.shape[1]);
  return { ...routing, expertIds: ids, chosenIds: ids };
}

function mean(tensors: tf.Tensor[]): tf.Tensor {
  return tf.div(tf.addN(tensors), tensors.length);
}
