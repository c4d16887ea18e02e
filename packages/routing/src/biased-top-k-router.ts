import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { stopGradient, tidy, type MethodFacts, type RouteContext, type Router, type TokenChoice } from "@moekit/core";
import { createGate, routerLogits, type GateOptions } from "./gate.js";
import { checkPositive, checkWhole } from "./internal/check.js";
import { chooseTopK, forcedOr } from "./internal/choose.js";

/** The facts of {@link BiasedTopKRouter}. */
export const biasedTopKFacts: MethodFacts = {
  id: "biasedTopK",
  title: "Top-k softmax with selection bias",
  source: "ERNIE 4.5 technical report 2025; transformers ernie4_5_moe, Ernie4_5_MoeTopKRouter",
  summary: "Softmax probabilities, renormalised over the chosen. A bias that no gradient reaches steers the choice, not the gates.",
  formula: "p = softmax(x W^T); ids = top-k of p + expertBias; gates = p[ids] / max(sum p[ids], normFloor)",
  parameters: {
    topK: { default: 2, range: "1 to E", meaning: "Experts per token." },
    normFloor: { default: 1e-12, range: "above 0", meaning: "Smallest sum that gates are divided by." },
  },
};

/**
 * Settings of {@link BiasedTopKRouter}.
 * @example const options: BiasedTopKRouterOptions = { dim: 64, numExperts: 64, topK: 6, seed: 1 };
 */
export interface BiasedTopKRouterOptions extends GateOptions {
  /** Experts per token K; default 2. */
  readonly topK?: number;
  /** Smallest sum that gates are divided by; default 1e-12. */
  readonly normFloor?: number;
}

/**
 * Softmax probabilities with a selection bias for loss-free balancing: ERNIE 4.5.
 *
 * `p = softmax(x W^T)`; `ids` = the K largest `p + expertBias`, ties to the lower id; `gates = p[ids]`, without the bias,
 * divided by the larger of their sum and `normFloor`. Of the context it reads `overrides`; a `scoreBias` is added to the choice.
 *
 * @source transformers ernie4_5_moe; the bias as in Wang et al. 2024, arXiv:2408.15664, eq. 3, on softmax scores.
 * @example const { expertIds, gates } = new BiasedTopKRouter({ dim: 64, numExperts: 8, topK: 2, seed: 1 }).route(x);
 */
export class BiasedTopKRouter implements Router {
  /** `[E, D]` */
  readonly weight: Variable<Rank.R2>;
  /** `[E]`, only where asked for. */
  readonly bias?: Variable<Rank.R1>;
  /** `[E]` float32, 0 at the start, not trainable: steers the choice only. */
  readonly expertBias: Variable<Rank.R1>;
  private readonly topK: number;
  private readonly normFloor: number;

  /** @throws ConfigError if a number is out of its range; ShapeError if a given weight is not `[E, D]`. */
  constructor(options: BiasedTopKRouterOptions) {
    const { topK = 2, normFloor = 1e-12, numExperts } = options;
    const { weight, bias } = createGate("BiasedTopKRouter", options);
    checkWhole("BiasedTopKRouter", "topK", topK, 1, numExperts);
    checkPositive("BiasedTopKRouter", "normFloor", normFloor);
    this.weight = weight;
    this.bias = bias;
    this.expertBias = tf.tidy(() => tf.variable(tf.zeros([numExperts]), false));
    this.topK = topK;
    this.normFloor = normFloor;
  }

  get numExperts(): number {
    return this.weight.shape[0];
  }

  /** @param x - `[T, D]` float32. @throws ShapeError if `x` or an override has another shape. */
  route(x: Tensor2D, context: RouteContext = {}): TokenChoice {
    return tidy(() => {
      const logits = routerLogits("BiasedTopKRouter", x, this);
      const probs = tf.softmax(logits);
      const selection: Tensor2D = tf.add(stopGradient(probs), stopGradient(this.expertBias));
      const choice = chooseTopK({ in: "BiasedTopKRouter", scores: probs, selection, topK: this.topK, context });
      const gates = forcedOr("BiasedTopKRouter", context, choice, () => tf.div(choice.scores, tf.maximum(tf.sum(choice.scores, 1, true), this.normFloor)));
      const { expertIds, selectionScores } = choice;
      return { kind: "token-choice", numExperts: this.numExperts, logits, probs, selectionScores, expertIds, gates };
    });
  }
}
