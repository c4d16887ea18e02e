import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor1D } from "@tensorflow/tfjs";
import { ConfigError, tidy, type BalancingTerm, type LayerRouting, type LossTerm, type MethodFacts, type RoutingTrace } from "@moekit/core";
import { checkCoefficient, coefficientAt, isEmpty, type LossOptions } from "./coefficient.js";
import { choiceCounts, dot, numTokens, tokenWeights } from "./internal/load.js";

/** The facts of {@link huggingFaceAuxLoss}. */
export const huggingFaceAuxLossFacts: MethodFacts = {
  id: "huggingFaceAuxLoss",
  title: "Auxiliary loss of Hugging Face transformers",
  source: "transformers, load_balancing_loss_func (mixtral, olmoe, qwen3_moe); Fedus et al. 2021, arXiv:2101.03961, eq. 4-6",
  summary: "The load-balancing loss over the router logits of all layers together, as the model classes of transformers train with it.",
  formula: "E * sum_i f_i * P_i; f_i = choices of expert i per token, P_i = mean softmax probability, both over the tokens of all layers",
  parameters: { coefficient: { default: 0.001, range: "0 or more", meaning: "router_aux_loss_coef of the model's config." } },
};

/**
 * The auxiliary loss of transformers' MoE models: one term over all layers.
 *
 * `E * sum_i f_i * P_i` with `f_i` the mean number of choices of expert i per token (no gradient) and `P_i` its mean
 * softmax probability, over the concatenated tokens of all layers; padding is left out. k at perfect balance, whatever the
 * number of layers. Default coefficient 0.001, as in the config classes.
 *
 * @throws ConfigError (when the loss is computed) if layers differ in their number of experts or a coefficient is given for each.
 * @source transformers, load_balancing_loss_func.
 * @example const [term] = huggingFaceAuxLoss({ coefficient: 0.02 }).loss(trace);
 */
export function huggingFaceAuxLoss({ coefficient = 0.001 }: LossOptions = {}): BalancingTerm {
  if (Array.isArray(coefficient)) throw new ConfigError("huggingFaceAuxLoss: coefficient must be one number, because the loss is over all layers; got one for each layer.");
  checkCoefficient("huggingFaceAuxLoss", coefficient);
  const loss = (trace: RoutingTrace): LossTerm[] => {
    const [first] = trace;
    if (!first) return [];
    checkExperts(trace);
    return [{ name: "huggingFaceAuxLoss", value: trace.every(isEmpty) ? tf.scalar(0) : lossOver(trace.filter((entry) => !isEmpty(entry))), coefficient: coefficientAt("huggingFaceAuxLoss", coefficient, 0, first) }];
  };
  return { id: "huggingFaceAuxLoss", scope: "micro-batch", loss };
}

function lossOver(trace: RoutingTrace): Scalar {
  return tidy(() => {
    const tokens = tf.addN(trace.map(numTokens));
    const f_E = tf.div(tf.addN(trace.map((entry) => choiceCounts(entry))), tokens);
    const meanProbs_E = tf.div(tf.addN(trace.map(softmaxSums)), tokens);
    return tf.mul(dot(f_E, meanProbs_E), trace[0]!.routing.numExperts) as Scalar;
  });
}

/** `[E]`: of the logits, whatever the router made of them. */
function softmaxSums(entry: LayerRouting): Tensor1D {
  return tf.sum(tf.mul(tf.softmax(entry.routing.logits), tf.expandDims(tokenWeights(entry), 1)), 0);
}

function checkExperts(trace: RoutingTrace): void {
  const counts = trace.map(({ routing }) => routing.numExperts);
  if (new Set(counts).size > 1) throw new ConfigError(`huggingFaceAuxLoss: all layers must have the same number of experts; got ${counts.join(", ")}. Use switchLoss, which is for each layer.`);
}
