import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { tidy, type MethodFacts, type RouteContext, type Router, type TokenChoice } from "@moekit/core";
import { createGate, routerLogits, type GateOptions } from "./gate.js";
import { checkWhole } from "./internal/check.js";
import { chooseTopK, forcedOr, normalised } from "./internal/choose.js";

/** The facts of {@link SigmoidTopKRouter}. */
export const sigmoidTopKFacts: MethodFacts = {
  id: "sigmoidTopK",
  title: "Top-k with sigmoid gates",
  source: "Llama 4 (Meta, 2025); transformers llama4, Llama4Router",
  summary: "Each token goes to the experts with the largest logits; each gate is the sigmoid of its own logit, so experts do not compete for weight. Llama 4 multiplies the experts' input by it.",
  formula: "l = x W^T; ids = top-k of l; gates = sigmoid(l[ids])",
  parameters: { topK: { default: 1, range: "1 to E", meaning: "Experts per token." } },
};

/**
 * Settings of {@link SigmoidTopKRouter}.
 * @example const options: SigmoidTopKRouterOptions = { dim: 64, numExperts: 16, topK: 1, seed: 1 };
 */
export interface SigmoidTopKRouterOptions extends GateOptions {
  /** Experts per token K; default 1. */
  readonly topK?: number;
}

/**
 * Sends each token to the experts with the largest logits and gates each by the sigmoid of its own: Llama 4, with a
 * `MoeLayer` whose gates are on the input.
 *
 * `l = x W^T`; `ids` = the K largest, ties to the lower id; `gates = sigmoid(l[ids])`, not normalised; `probs` are all
 * sigmoids divided by their sum. Of the context it reads `overrides`; a `scoreBias` is added to `l` for the choice only.
 *
 * @source transformers llama4, `Llama4Router`.
 * @example const { expertIds, gates } = new SigmoidTopKRouter({ dim: 64, numExperts: 16, seed: 1 }).route(x);
 */
export class SigmoidTopKRouter implements Router {
  /** `[E, D]` */
  readonly weight: Variable<Rank.R2>;
  /** `[E]`, only where asked for. */
  readonly bias?: Variable<Rank.R1>;
  private readonly topK: number;

  /** @throws ConfigError if a size is not a whole number in its range; ShapeError if a given weight is not `[E, D]`. */
  constructor(options: SigmoidTopKRouterOptions) {
    const { topK = 1, numExperts } = options;
    const { weight, bias } = createGate("SigmoidTopKRouter", options);
    checkWhole("SigmoidTopKRouter", "topK", topK, 1, numExperts);
    this.weight = weight;
    this.bias = bias;
    this.topK = topK;
  }

  get numExperts(): number {
    return this.weight.shape[0];
  }

  /** @param x - `[T, D]` float32. @throws ShapeError if `x` or an override has another shape. */
  route(x: Tensor2D, context: RouteContext = {}): TokenChoice {
    return tidy(() => {
      const logits = routerLogits("SigmoidTopKRouter", x, this);
      const scores_TE = tf.sigmoid(logits);
      // By the logits, because sigmoids of large ones are all 1.
      const choice = chooseTopK({ in: "SigmoidTopKRouter", scores: scores_TE, selection: logits, topK: this.topK, context });
      const gates = forcedOr("SigmoidTopKRouter", context, choice, () => choice.scores);
      const { expertIds, selectionScores } = choice;
      return { kind: "token-choice", numExperts: this.numExperts, logits, probs: normalised(scores_TE), selectionScores, expertIds, gates };
    });
  }
}
