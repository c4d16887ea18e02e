import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { ConfigError, stopGradient, tidy, type ExpertChoice, type MethodFacts, type RouteContext, type Router } from "@moekit/core";
import { createGate, routerLogits, type GateOptions } from "./gate.js";
import { checkPositive } from "./internal/check.js";
import { best, EXCLUDED, withScoreBias, type Choice } from "./internal/choose.js";

/** The facts of {@link ExpertChoiceRouter}. */
export const expertChoiceFacts: MethodFacts = {
  id: "expertChoice",
  title: "Expert choice",
  source: "Zhou et al. 2022, arXiv:2202.09368, eq. 1-3; flaxformer ExpertsChooseMaskedRouter",
  summary: "Every expert takes the same number of tokens, those it is most probable for, so the load is even without a loss. The choice looks at the whole batch: it is not causal.",
  formula: "p = softmax over experts of x W^T; expert i takes the C tokens with the largest p[t, i], C = round(capacityFactor * T / E); gates = p there",
  parameters: {
    capacityFactor: { default: 2, range: "above 0", meaning: "Average number of experts per token." },
  },
};

/**
 * Settings of {@link ExpertChoiceRouter}.
 * @example const options: ExpertChoiceRouterOptions = { dim: 64, numExperts: 8, capacityFactor: 2, seed: 1 };
 */
export interface ExpertChoiceRouterOptions extends GateOptions {
  /** Average number of experts per token; default 2. */
  readonly capacityFactor?: number;
}

/**
 * Lets each expert take its best C tokens of the batch; a token may get many experts or none.
 *
 * `p = softmax(x W^T)` over the experts; `C = round(capacityFactor * T / E)`, from 1 to T, padding counted in T because its
 * number is not read; `tokenIds[i]` = the C tokens with the largest `p[., i]`, ties to the earlier token; `gates` = `p`
 * there, not renormalised. Padding is never taken. The choice is over the whole batch, so a later token can change the
 * output of an earlier one: not for causal language models at inference.
 * Of the context it reads `valid` and of the overrides `topK` (another `capacityFactor`) and `scoreBias` (for the choice only).
 *
 * @source Zhou et al. 2022, arXiv:2202.09368, eq. 1-3.
 * @example const { tokenIds } = new ExpertChoiceRouter({ dim: 64, numExperts: 8, seed: 1 }).route(x);
 */
export class ExpertChoiceRouter implements Router {
  /** `[E, D]` */
  readonly weight: Variable<Rank.R2>;
  /** `[E]`, only where asked for. */
  readonly bias?: Variable<Rank.R1>;
  private readonly capacityFactor: number;

  /** @throws ConfigError if a number is out of its range; ShapeError if a given weight is not `[E, D]`. */
  constructor(options: ExpertChoiceRouterOptions) {
    const { capacityFactor = 2 } = options;
    const { weight, bias } = createGate("ExpertChoiceRouter", options);
    checkPositive("ExpertChoiceRouter", "capacityFactor", capacityFactor);
    this.weight = weight;
    this.bias = bias;
    this.capacityFactor = capacityFactor;
  }

  get numExperts(): number {
    return this.weight.shape[0];
  }

  /**
   * @param x - `[T, D]` float32.
   * @throws ShapeError if `x` or an override has another shape; ConfigError if a choice of tokens (`expertIds`, `gates`) is forced.
   */
  route(x: Tensor2D, context: RouteContext = {}): ExpertChoice {
    checkOverrides(context);
    return tidy(() => {
      const logits = routerLogits("ExpertChoiceRouter", x, this);
      const probs = tf.softmax(logits);
      const selectionScores = selectionOf(probs, context);
      const { expertIds: tokenIds, scores: gates } = this.choose(probs, selectionScores, context);
      return { kind: "expert-choice", numExperts: this.numExperts, logits, probs, selectionScores, tokenIds, gates };
    });
  }

  private choose(probs_TE: Tensor2D, selection_TE: Tensor2D | undefined, { overrides }: RouteContext): Choice {
    const [T, E] = probs_TE.shape;
    if (T === 0) return { expertIds: tf.zeros([E, 0], "int32"), scores: tf.zeros([E, 0]) };
    const slots = Math.round(((overrides?.topK ?? this.capacityFactor) * T) / E);
    const scores_ET = tf.transpose(probs_TE) as Tensor2D;
    return best(scores_ET, selection_TE && (tf.transpose(selection_TE) as Tensor2D), Math.min(Math.max(slots, 1), T));
  }
}

/** `[T, E]` off the tape: what tokens are chosen by, where that is not just `probs`. */
function selectionOf(probs: Tensor2D, { valid, overrides }: RouteContext): Tensor2D | undefined {
  const biased = withScoreBias("ExpertChoiceRouter", probs, overrides?.scoreBias);
  if (!valid) return biased;
  const isPadding_T1 = tf.sub(1, tf.expandDims(stopGradient(valid), 1));
  return tf.add(biased ?? stopGradient(probs), tf.mul(isPadding_T1, EXCLUDED));
}

function checkOverrides({ overrides }: RouteContext): void {
  if (overrides?.topK !== undefined) checkPositive("ExpertChoiceRouter", "context.overrides.topK", overrides.topK);
  if (overrides?.expertIds || overrides?.gates) throw new ConfigError("ExpertChoiceRouter: experts choose tokens, so context.overrides must not force expertIds or gates. Use a token-choice router for a decision from outside.");
}
