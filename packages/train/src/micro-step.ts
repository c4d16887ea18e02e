import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor, Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { crossEntropy, type BalancingTerm, type LanguageModel, type LossTerm, type ParameterMap, type RouteContext, type RouterPlace, type RoutingTrace } from "@moekit/core";
import type { Batch } from "@moekit/data";
import { inputIds, tokenDomains } from "./batch.js";
import { expertCounts, withGlobalCounts } from "./load.js";

/** Gradients by parameter path. */
export type Gradients = Record<string, Tensor>;

/** One micro-batch and how much of the optimiser step it is. */
export interface MicroStep {
  readonly batch: Batch;
  /** Step, seed and training flag; domain ids are added from the batch. */
  readonly context: RouteContext;
  /** Target tokens of the whole step: the language-model loss is a sum over tokens divided by this. */
  readonly stepTargets: number;
  /** This micro-batch's share of the step's tokens: the weight of its balancing losses. */
  readonly share: number;
  readonly globalCounts?: readonly Tensor1D[];
}

/** What the entries of {@link MicroResult.numbers} mean; the same for all micro-batches of a step. */
export interface NumbersLayout {
  /** Balancing losses, from entry 1 on; entry 0 is the language-model loss. */
  readonly terms: readonly Omit<LossTerm, "value">[];
  /** Then the counts of each MoE layer. */
  readonly layers: readonly (RouterPlace & { readonly numExperts: number })[];
}

/** What one micro-batch adds to a step. The caller disposes the tensors. */
export interface MicroResult {
  readonly gradients: Gradients;
  /** Shares of the step's losses and counts in one vector, so that a step needs one read-back. */
  readonly numbers: Tensor1D;
  readonly layout: NumbersLayout;
}

/** What is trained: the model and the losses added to its own. */
export interface Objective {
  readonly model: LanguageModel;
  readonly balancing: readonly BalancingTerm[];
}

/** Forward and backward pass of one micro-batch. `inspect` sees the trace while its tensors live. */
export function microStep({ model, balancing }: Objective, parameters: ParameterMap, micro: MicroStep, inspect: (trace: RoutingTrace) => void): MicroResult {
  let numbers: Tensor1D | undefined;
  let layout: NumbersLayout | undefined;
  const loss = (): Scalar => {
    const { lmLoss, trace } = forward(model, micro);
    inspect(trace);
    const terms = balancing.flatMap((term) => term.loss(trace));
    layout = { terms: terms.map(({ value: _, ...term }) => term), layers: trace.map(({ layer, part, routing }) => ({ layer, part, numExperts: routing.numExperts })) };
    const values = terms.map(({ value }) => tf.mul(value, micro.share) as Scalar);
    numbers = tf.keep(tf.concat([tf.stack([lmLoss, ...values]) as Tensor1D, ...trace.map(expertCounts)]));
    return terms.reduce((sum, { coefficient }, i) => tf.add(sum, tf.mul(values[i]!, coefficient)), lmLoss);
  };
  const gradients = tf.tidy(() => byPath(tf.variableGrads(loss, Object.values(parameters)).grads, parameters));
  return { gradients, numbers: numbers!, layout: layout! };
}

/** Counts of a micro-batch in each MoE layer, without gradients: the first pass of exact global-batch losses. */
export function countingPass(model: LanguageModel, micro: MicroStep): Tensor1D[] {
  return tf.tidy(() => forward(model, micro).trace.map(expertCounts));
}

function forward(model: LanguageModel, { batch, context, stepTargets, globalCounts }: MicroStep): { lmLoss: Scalar; trace: RoutingTrace } {
  const { logits, trace } = model.forward(inputIds(batch), { context: { ...context, domainIds: tokenDomains(batch) }, globalCounts });
  const logits_TV = tf.reshape(logits, [-1, logits.shape[2]]) as Tensor2D;
  const losses_T = crossEntropy(logits_TV, tf.tensor1d(batch.targetIds, "int32"));
  // A model may ignore `globalCounts`; the losses must not.
  return { lmLoss: tf.div(tf.sum(losses_T), stepTargets), trace: withGlobalCounts(trace, globalCounts) };
}

function byPath(grads: tf.NamedTensorMap, parameters: ParameterMap): Gradients {
  const found = Object.entries(parameters).filter(([, { name }]) => grads[name]);
  return Object.fromEntries(found.map(([path, { name }]) => [path, grads[name]!]));
}
