import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { tidy, type MethodFacts, type RouteContext, type Router, type TokenChoice } from "@moekit/core";
import { createGate, routerLogits, type GateOptions } from "./gate.js";
import { checkPositive } from "./internal/check.js";
import { chooseTopK, forcedOr, normalised } from "./internal/choose.js";
import { checkGroups, withinBestGroups, type GroupLimit } from "./internal/groups.js";

/** The facts of {@link GroupLimitedRouter}. */
export const groupLimitedFacts: MethodFacts = {
  id: "groupLimited",
  title: "Group-limited softmax",
  source: "DeepSeek-V2, arXiv:2405.04434, section 2.2.2 (device-limited routing); transformers deepseek_v2",
  summary: "Top-k softmax whose choice is limited to the groups that hold the most probable experts, so that a token visits few devices. Gates are scaled, not renormalised.",
  formula: "p = softmax(x W^T); keep the groups with the largest p; ids = top-k of p in them; gates = scale * p[ids]",
  parameters: {
    topK: { default: 2, range: "1 to topKGroups * E / numGroups", meaning: "Experts per token." },
    numGroups: { default: 1, range: "divisor of E", meaning: "Groups of neighbouring experts." },
    topKGroups: { default: "numGroups", range: "1 to numGroups", meaning: "Groups a token may use." },
    routedScalingFactor: { default: 1, range: "above 0", meaning: "Factor of the gates; 16 in DeepSeek-V2, 1 in V2-Lite." },
    renormalise: { default: false, range: "true or false", meaning: "Divide the gates by their sum instead of scaling them: the authors' norm_topk_prob, which transformers does not read." },
  },
};

/**
 * Settings of {@link GroupLimitedRouter}.
 * @example const options: GroupLimitedRouterOptions = { dim: 64, numExperts: 32, topK: 6, numGroups: 8, topKGroups: 3, seed: 1 };
 */
export interface GroupLimitedRouterOptions extends GateOptions {
  /** Experts per token K; default 2. */
  readonly topK?: number;
  /** Groups of neighbouring experts; default 1. */
  readonly numGroups?: number;
  /** Groups that a token may use; default all. */
  readonly topKGroups?: number;
  /** Factor of the gates; default 1. */
  readonly routedScalingFactor?: number;
  /** Divide the gates by their sum instead of scaling them; default false. */
  readonly renormalise?: boolean;
}

/**
 * Top-k softmax within the best groups of experts: DeepSeek-V2 (its `greedy` method is one group).
 *
 * `p = softmax(x W^T)`. A group scores its largest `p`; experts outside the best groups are out. `ids` = the K largest `p`
 * left, ties to the lower id; `gates = routedScalingFactor * p[ids]`, or with `renormalise` `p[ids] / (sum p[ids] + 1e-20)`.
 * Of the context it reads `overrides`; a `scoreBias` is added to what is left of `p`, for the choice only.
 *
 * @source DeepSeek-V2, arXiv:2405.04434, section 2.2.2; `renormalise`: the authors' modeling_deepseek.py, MoEGate.
 * @example const { gates } = new GroupLimitedRouter({ dim: 64, numExperts: 8, topK: 2, numGroups: 4, topKGroups: 2, seed: 1 }).route(x);
 */
export class GroupLimitedRouter implements Router {
  /** `[E, D]` */
  readonly weight: Variable<Rank.R2>;
  /** `[E]`, only where asked for. */
  readonly bias?: Variable<Rank.R1>;
  private readonly topK: number;
  private readonly groups: GroupLimit;
  private readonly scale: number;
  private readonly renormalise: boolean;

  /** @throws ConfigError if a number is out of its range; ShapeError if a given weight is not `[E, D]`. */
  constructor(options: GroupLimitedRouterOptions) {
    const { topK = 2, numGroups = 1, topKGroups = numGroups, routedScalingFactor = 1, renormalise = false, numExperts } = options;
    const { weight, bias } = createGate("GroupLimitedRouter", options);
    checkGroups("GroupLimitedRouter", numExperts, topK, { numGroups, topKGroups });
    checkPositive("GroupLimitedRouter", "routedScalingFactor", routedScalingFactor);
    this.weight = weight;
    this.bias = bias;
    this.topK = topK;
    this.groups = { numGroups, topKGroups, bestOfGroup: 1 };
    this.scale = routedScalingFactor;
    this.renormalise = renormalise;
  }

  get numExperts(): number {
    return this.weight.shape[0];
  }

  /** @param x - `[T, D]` float32. @throws ShapeError if `x` or an override has another shape. */
  route(x: Tensor2D, context: RouteContext = {}): TokenChoice {
    return tidy(() => {
      const logits = routerLogits("GroupLimitedRouter", x, this);
      const probs = tf.softmax(logits);
      const selection = withinBestGroups(probs, this.groups);
      const choice = chooseTopK({ in: "GroupLimitedRouter", scores: probs, selection, topK: this.topK, context });
      const gates = forcedOr("GroupLimitedRouter", context, choice, () => (this.renormalise ? normalised(choice.scores) : tf.mul(choice.scores, this.scale)));
      const { expertIds, selectionScores } = choice;
      return { kind: "token-choice", numExperts: this.numExperts, logits, probs, selectionScores, expertIds, gates };
    });
  }
}
