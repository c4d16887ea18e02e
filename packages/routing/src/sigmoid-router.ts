import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { stopGradient, tidy, type MethodFacts, type RouteContext, type Router, type TokenChoice } from "@moekit/core";
import { createGate, routerLogits, type GateOptions } from "./gate.js";
import { checkPositive } from "./internal/check.js";
import { chooseTopK, forcedOr, normalised } from "./internal/choose.js";
import { checkGroups, withinBestGroups, type GroupLimit } from "./internal/groups.js";

/** The facts of {@link SigmoidRouter}. */
export const sigmoidFacts: MethodFacts = {
  id: "sigmoid",
  title: "Sigmoid scores with selection bias and group limit",
  source: "Wang et al. 2024, arXiv:2408.15664, eq. 3; DeepSeek-V3, arXiv:2412.19437, eq. 12-16, and inference/model.py",
  summary: "Each expert has a score of its own. A bias that no gradient reaches steers the choice, not the gates. Experts may be chosen from the best groups only.",
  formula: "s = sigmoid(x W^T); c = s + expertBias; keep the groups with the largest sum of their two best c; ids = top-k of c; gates = scale * s[ids] / (sum s[ids] + 1e-20)",
  parameters: {
    topK: { default: 2, range: "1 to topKGroups * E / numGroups", meaning: "Experts per token." },
    numGroups: { default: 1, range: "divisor of E", meaning: "Groups of neighbouring experts." },
    topKGroups: { default: "numGroups", range: "1 to numGroups", meaning: "Groups a token may use." },
    normalise: { default: true, range: "true or false", meaning: "Divide the gates by their sum." },
    routedScalingFactor: { default: 1, range: "above 0", meaning: "Factor of the gates; 2.5 in DeepSeek-V3." },
  },
};

/**
 * Settings of {@link SigmoidRouter}.
 * @example const options: SigmoidRouterOptions = { dim: 64, numExperts: 32, topK: 4, numGroups: 8, topKGroups: 4, seed: 1 };
 */
export interface SigmoidRouterOptions extends GateOptions {
  /** Experts per token K; default 2. */
  readonly topK?: number;
  /** Groups of neighbouring experts; default 1. */
  readonly numGroups?: number;
  /** Groups that a token may use; default all. */
  readonly topKGroups?: number;
  /** Gates of a token sum to `routedScalingFactor`; default true. */
  readonly normalise?: boolean;
  /** Factor of the gates; default 1. */
  readonly routedScalingFactor?: number;
}

/**
 * Sigmoid scores; a selection bias for loss-free balancing; a choice limited to the best groups: DeepSeek-V3, GLM-4.5.
 *
 * `s = sigmoid(x W^T)`, `c = s + expertBias`. A group scores the sum of its two largest `c`; experts outside the best groups
 * are out. `ids` = the K largest `c`, ties to the lower id. `gates = s[ids]`, without the bias, divided by their sum
 * + 1e-20 with `normalise`, times `routedScalingFactor`. `probs = s / (sum s + 1e-20)`, for losses.
 * Of the context it reads `overrides`; a `scoreBias` is added to `c`.
 *
 * @source Wang et al. 2024, arXiv:2408.15664, eq. 3; DeepSeek-V3 inference/model.py, Gate. An expert
 * of an excluded group cannot win, as in transformers 5; version 4 fills its score with 0, which may be the largest.
 * @example const router = new SigmoidRouter({ dim: 64, numExperts: 8, topK: 2, seed: 1 });
 * const controller = new LossFreeBias({ layers: [{ layer: 0, expertBias: router.expertBias }] });
 */
export class SigmoidRouter implements Router {
  /** `[E, D]` */
  readonly weight: Variable<Rank.R2>;
  /** `[E]`, only where asked for. */
  readonly bias?: Variable<Rank.R1>;
  /** `[E]` float32, 0 at the start, not trainable: steers the choice only. */
  readonly expertBias: Variable<Rank.R1>;
  private readonly topK: number;
  private readonly groups: GroupLimit;
  private readonly normalise: boolean;
  private readonly scale: number;

  /** @throws ConfigError if a number is out of its range; ShapeError if a given weight is not `[E, D]`. */
  constructor(options: SigmoidRouterOptions) {
    const { topK = 2, numGroups = 1, topKGroups = numGroups, normalise = true, routedScalingFactor = 1, numExperts } = options;
    const { weight, bias } = createGate("SigmoidRouter", options);
    checkGroups("SigmoidRouter", numExperts, topK, { numGroups, topKGroups });
    checkPositive("SigmoidRouter", "routedScalingFactor", routedScalingFactor);
    this.weight = weight;
    this.bias = bias;
    this.expertBias = tf.tidy(() => tf.variable(tf.zeros([numExperts]), false));
    this.topK = topK;
    this.groups = { numGroups, topKGroups, bestOfGroup: 2 };
    this.normalise = normalise;
    this.scale = routedScalingFactor;
  }

  get numExperts(): number {
    return this.weight.shape[0];
  }

  /** @param x - `[T, D]` float32. @throws ShapeError if `x` or an override has another shape. */
  route(x: Tensor2D, context: RouteContext = {}): TokenChoice {
    return tidy(() => {
      const logits = routerLogits("SigmoidRouter", x, this);
      const scores_TE = tf.sigmoid(logits);
      const selection = withinBestGroups(tf.add(stopGradient(scores_TE), stopGradient(this.expertBias)), this.groups);
      const choice = chooseTopK({ in: "SigmoidRouter", scores: scores_TE, selection, topK: this.topK, context });
      const gates = forcedOr("SigmoidRouter", context, choice, () => this.gates(choice.scores));
      const { expertIds, selectionScores } = choice;
      return { kind: "token-choice", numExperts: this.numExperts, logits, probs: normalised(scores_TE), selectionScores, expertIds, gates };
    });
  }

  private gates(scores_TK: Tensor2D): Tensor2D {
    const shares = this.normalise ? normalised(scores_TK) : scores_TK;
    return this.scale === 1 ? shares : tf.mul(shares, this.scale);
  }
}
