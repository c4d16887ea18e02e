import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { tidy, type MethodFacts, type RouteContext, type Router, type TokenChoice } from "@moekit/core";
import { createGate, routerLogits, type GateOptions } from "./gate.js";
import { checkWhole } from "./internal/check.js";
import { chooseTopK, forcedOr, normalised } from "./internal/choose.js";

/** The facts of {@link TopKRouter}. */
export const topKFacts: MethodFacts = {
  id: "topK",
  title: "Top-k softmax",
  source: "Shazeer et al. 2017, arXiv:1701.06538, eq. 3-5 (without noise); Fedus et al. 2021, arXiv:2101.03961, eq. 1-2",
  summary: "Each token goes to the experts with the largest softmax probabilities. With `renormalise`, its gates sum to 1: the same numbers as a softmax over the k largest logits.",
  formula: "p = softmax(x W^T); ids = top-k of p; gates = p[ids], with renormalise p[ids] / sum p[ids]",
  parameters: {
    topK: { default: 2, range: "1 to E", meaning: "Experts per token." },
    renormalise: { default: false, range: "true or false", meaning: "Divide the gates by their sum. With topK = 1 the router then gets no gradient from the task." },
  },
};

/**
 * Settings of {@link TopKRouter}.
 * @example const options: TopKRouterOptions = { dim: 64, numExperts: 8, topK: 2, renormalise: true, seed: 1 };
 */
export interface TopKRouterOptions extends GateOptions {
  /** Experts per token K; default 2. */
  readonly topK?: number;
  /** Gates of a token sum to 1; default false. Not with `topK` 1: the gate is then always 1 and has no gradient. */
  readonly renormalise?: boolean;
}

/**
 * Sends each token to its most probable experts: Mixtral and Qwen3-MoE with `renormalise`, OLMoE and Switch without.
 *
 * `p = softmax(x W^T)`; `ids` = the K largest, ties to the lower id; `gates = p[ids]`, divided by their sum with
 * `renormalise`. That equals a softmax over the K largest logits (GPT-OSS, Granite, JetMoE), so there is no other router for it.
 * Of the context it reads `overrides`; a `scoreBias` is added to `p` for the choice only.
 *
 * @source Shazeer et al. 2017, arXiv:1701.06538, eq. 3-5. Differs: no noise (see {@link NoisyTopKRouter}).
 * @example const { expertIds, gates } = new TopKRouter({ dim: 64, numExperts: 8, topK: 2, seed: 1 }).route(x);
 */
export class TopKRouter implements Router {
  /** `[E, D]` */
  readonly weight: Variable<Rank.R2>;
  /** `[E]`, only where asked for. */
  readonly bias?: Variable<Rank.R1>;
  private readonly topK: number;
  private readonly renormalise: boolean;

  /** @throws ConfigError if a size is not a whole number in its range; ShapeError if a given weight is not `[E, D]`. */
  constructor(options: TopKRouterOptions) {
    const { topK = 2, renormalise = false, numExperts } = options;
    const { weight, bias } = createGate("TopKRouter", options);
    checkWhole("TopKRouter", "topK", topK, 1, numExperts);
    this.weight = weight;
    this.bias = bias;
    this.topK = topK;
    this.renormalise = renormalise;
  }

  get numExperts(): number {
    return this.weight.shape[0];
  }

  /** @param x - `[T, D]` float32. @throws ShapeError if `x` or an override has another shape. */
  route(x: Tensor2D, context: RouteContext = {}): TokenChoice {
    return tidy(() => {
      const logits = routerLogits("TopKRouter", x, this);
      const probs = tf.softmax(logits);
      const choice = chooseTopK({ in: "TopKRouter", scores: probs, topK: this.topK, context });
      const gates = forcedOr("TopKRouter", context, choice, () => (this.renormalise ? normalised(choice.scores) : choice.scores));
      const { expertIds, selectionScores } = choice;
      return { kind: "token-choice", numExperts: this.numExperts, logits, probs, selectionScores, expertIds, gates };
    });
  }
}
