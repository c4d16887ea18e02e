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
  formula: "E * sum_i f_i * P_i; f_i = choices of expert i per token (by the probabilities alone), P_i = mean softmax probability, both over the tokens of all layers",
  parameters: { coefficient: { default: 0.001, range: "0 or more", meaning: "router_aux_loss_coef of the model's config." } },
};

/**
 * The auxiliary loss of transformers' MoE models: one term over all layers.
 *
 * `E * sum_i f_i * P_i` with `f_i` the mean number of choices of expert i per token (no gradient) and `P_i` its mean
 * softmax probability, over the concatenated tokens of all layers; padding is left out. Where other scores chose (a selection
 * bias, say), the k most probable experts count as chosen, as in transformers. k at perfect balance, whatever the
 * number of layers. Default coefficient 0.001, as in the config classes.
 *
 * @throws ConfigError (when the loss is computed) if layers differ in their number of experts; or if a coefficient is given for each.
 * @source transformers 5.18, load_balancing_loss_func.
 * @example const [term] = huggingFaceAuxLoss({ coefficient: 0.02 }).loss(trace);
 */
export function huggingFaceAuxLoss({ coefficient = 0.001 }: LossOptions = {}): BalancingTerm {
  if (Array.isArray(coefficient)) throw new ConfigError("huggingFaceAuxLoss: coefficient must be one number, because the loss is over all layers; got one for each layer.");
  checkCoefficient("huggingFaceAuxLoss", coefficient);
  const loss = (trace: RoutingTrace): LossTerm[] => {
    const [first] = trace;
    if (!first) return [];
    return [{ name: "huggingFaceAuxLoss", value: huggingFaceAuxLossOf(trace), coefficient: coefficientAt("huggingFaceAuxLoss", coefficient, 0, first) }];
  };
  return { id: "huggingFaceAuxLoss", scope: "micro-batch", loss };
}

/**
 * The value of {@link huggingFaceAuxLoss}; 0 for a trace without layers or tokens.
 * @throws ConfigError if layers differ in their number of experts.
 * @example const loss = tf.add(crossEntropy, tf.mul(0.001, huggingFaceAuxLossOf(trace)));
 */
export function huggingFaceAuxLossOf(trace: RoutingTrace): Scalar {
  checkExperts(trace);
  const withTokens = trace.filter((entry) => !isEmpty(entry));
  if (withTokens.length === 0) return tf.scalar(0);
  return tidy(() => {
    const entries = withTokens.map(byProbability);
    const tokens = tf.addN(entries.map(numTokens));
    const f_E = tf.div(tf.addN(entries.map(choicesByProbability)), tokens);
    const meanProbs_E = tf.div(tf.addN(entries.map(probSums)), tokens);
    return tf.mul(dot(f_E, meanProbs_E), trace[0]!.routing.numExperts) as Scalar;
  });
}

/** The softmax of the logits as probabilities, whatever the router made of them. */
function byProbability(entry: LayerRouting): LayerRouting {
  return { ...entry, routing: { ...entry.routing, probs: tf.softmax(entry.routing.logits) } };
}

/** `[E]`: the choices that were made, or would have been made where other scores chose. */
function choicesByProbability(entry: LayerRouting): Tensor1D {
  const { kind, selectionScores } = entry.routing;
  return choiceCounts(entry, kind === "token-choice" && selectionScores ? "unbiased" : "made");
}

/** `[E]` */
function probSums(entry: LayerRouting): Tensor1D {
  return tf.sum(tf.mul(entry.routing.probs, tf.expandDims(tokenWeights(entry), 1)), 0);
}

function checkExperts(trace: RoutingTrace): void {
  const counts = trace.map(({ routing }) => routing.numExperts);
  if (new Set(counts).size > 1) throw new ConfigError(`huggingFaceAuxLoss: all layers must have the same number of experts; got ${counts.join(", ")}. Use switchLoss, which is for each layer.`);
}
