import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { ConfigError, readsSynchronously, stopGradient, tidy, type MethodFacts, type RouteContext, type Router, type TokenChoice } from "@moekit/core";
import { createGate, routerLogits, type GateOptions } from "./gate.js";
import { checkWhole } from "./internal/check.js";
import { chooseTopK, forcedOr, withoutPadding, type Choice } from "./internal/choose.js";

/** The facts of {@link TopPRouter}. */
export const topPFacts: MethodFacts = {
  id: "topP",
  title: "Dynamic top-p",
  source: "Huang et al. 2024, arXiv:2403.07652, section 2.2",
  summary: "Each token takes as many experts as it needs for a total probability of p: one where the router is sure, more where it is not.",
  formula: "P = softmax(x W^T), sorted; n = min{n : P(1) + ... + P(n) >= p}; ids = the first n; gates = P[ids], not renormalised",
  parameters: {
    topP: { default: 0.4, range: "above 0, up to 1", meaning: "Probability that the chosen experts must reach together." },
    minExperts: { default: 1, range: "1 to maxExperts", meaning: "Fewest experts per token." },
    maxExperts: { default: "E", range: "1 to E", meaning: "Most experts per token; bounds memory." },
  },
};

/**
 * Settings of {@link TopPRouter}.
 * @example const options: TopPRouterOptions = { dim: 64, numExperts: 16, topP: 0.4, maxExperts: 8, seed: 1 };
 */
export interface TopPRouterOptions extends GateOptions {
  /** Probability that the chosen experts must reach together; default 0.4. */
  readonly topP?: number;
  /** Fewest experts per token; default 1. */
  readonly minExperts?: number;
  /** Most experts per token; default E. */
  readonly maxExperts?: number;
}

/**
 * Gives each token the smallest set of experts whose probabilities sum to `topP` or more.
 *
 * `P = softmax(x W^T)`, sorted, ties to the lower id; rank j is kept if the probabilities before it sum to less than
 * `topP`; `gates = P` of those kept, not renormalised. The other slots are empty (-1), and so are all slots of padding.
 * K is `maxExperts`; on backends that read synchronously, the most that a token of this batch uses.
 * `extra.expertsPerToken` `[T]` float32 is n. Pair it with `switchLoss({ fNorm: "tokens" })` and `entropyLoss`.
 * Of the context it reads `valid` and `overrides` (`topP`; `topK` is another `maxExperts`; a `scoreBias` is added to `P` for
 * the order only).
 *
 * @source Huang et al. 2024, arXiv:2403.07652, section 2.2. The released code compares `> p`, which differs only in exact ties.
 * @example const { gates } = new TopPRouter({ dim: 64, numExperts: 16, topP: 0.4, seed: 1 }).route(x);
 */
export class TopPRouter implements Router {
  /** `[E, D]` */
  readonly weight: Variable<Rank.R2>;
  /** `[E]`, only where asked for. */
  readonly bias?: Variable<Rank.R1>;
  private readonly topP: number;
  private readonly minExperts: number;
  private readonly maxExperts: number;

  /** @throws ConfigError if a number is out of its range; ShapeError if a given weight is not `[E, D]`. */
  constructor(options: TopPRouterOptions) {
    const { topP = 0.4, minExperts = 1, numExperts, maxExperts = numExperts } = options;
    const { weight, bias } = createGate("TopPRouter", options);
    checkTopP(topP);
    checkWhole("TopPRouter", "maxExperts", maxExperts, 1, numExperts);
    checkWhole("TopPRouter", "minExperts", minExperts, 1, maxExperts);
    this.weight = weight;
    this.bias = bias;
    this.topP = topP;
    this.minExperts = minExperts;
    this.maxExperts = maxExperts;
  }

  get numExperts(): number {
    return this.weight.shape[0];
  }

  /** @param x - `[T, D]` float32. @throws ShapeError if `x` or an override has another shape; ConfigError if a `topP` is out of range. */
  route(x: Tensor2D, context: RouteContext = {}): TokenChoice {
    return tidy(() => {
      const logits = routerLogits("TopPRouter", x, this);
      const probs = tf.softmax(logits);
      const ranked = chooseTopK({ in: "TopPRouter", scores: probs, topK: this.maxExperts, context });
      const choice = context.overrides?.expertIds ? ranked : this.keepEnough(ranked, context);
      const expertIds = withoutPadding(choice.expertIds, context.valid);
      const isReal_TK = tf.cast(tf.greaterEqual(expertIds, tf.scalar(0, "int32")), "float32");
      const gates = forcedOr("TopPRouter", context, choice, () => tf.mul(choice.scores, isReal_TK));
      const extra = { expertsPerToken: tf.sum(isReal_TK, 1) };
      return { kind: "token-choice", numExperts: this.numExperts, logits, probs, selectionScores: ranked.selectionScores, expertIds, gates, extra };
    });
  }

  /** Empties the slots that are not needed to reach `topP`. */
  private keepEnough({ expertIds, scores }: Choice, { overrides }: RouteContext): Choice {
    const topP = overrides?.topP ?? this.topP;
    checkTopP(topP);
    if (scores.size === 0) return { expertIds, scores };
    const before_TK = tf.cumsum(stopGradient(scores), 1, true);
    const isEarly_K = tf.less(tf.range(0, scores.shape[1], 1, "int32"), tf.scalar(this.minExperts, "int32"));
    const isKept_TK = tf.logicalOr(tf.less(before_TK, topP), isEarly_K);
    const slots = slotsInUse(isKept_TK);
    const kept = tf.where(isKept_TK, expertIds, tf.fill(expertIds.shape, -1, "int32")) as Tensor2D;
    return { expertIds: tf.slice(kept, [0, 0], [-1, slots]), scores: tf.slice(scores, [0, 0], [-1, slots]) };
  }
}

/** Kept slots come first, so the columns past the fullest row are empty. They are cut off where looking costs nothing. */
function slotsInUse(isKept_TK: tf.Tensor): number {
  if (!readsSynchronously()) return isKept_TK.shape[1]!;
  return tf.sum(tf.max(tf.cast(isKept_TK, "int32"), 0)).dataSync()[0]!;
}

function checkTopP(topP: number): void {
  if (!(topP > 0 && topP <= 1)) throw new ConfigError(`TopPRouter: topP must be above 0 and at most 1; got ${topP}.`);
}
