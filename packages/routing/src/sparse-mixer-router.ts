import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { ConfigError, randomUniform, stopGradient, tidy, topK, type MethodFacts, type RouteContext, type Router, type TokenChoice } from "@moekit/core";
import { createGate, routerLogits, type GateOptions } from "./gate.js";
import { checkOverride } from "./internal/check.js";
import { EXCLUDED, forcedOr, scoresAt, withScoreBias } from "./internal/choose.js";

/** The facts of {@link SparseMixerRouter}. */
export const sparseMixerFacts: MethodFacts = {
  id: "sparseMixer",
  title: "SparseMixer-v2",
  source: "Liu et al. 2024 (GRIN), arXiv:2409.12136, section 2; transformers phimoe, sparsemixer",
  summary: "Two experts, drawn one after the other from those whose logit is close to the best one left. Training samples them and weighs them so that the router's gradient is that of the sampling.",
  formula: "twice: m = max of l left; keep l with (m - l) / max(|l|, m) <= 2 eps; p = softmax over the kept; id = argmax (training: sampled from p); gate = p[id] (training: times 1 or 1/3)",
  parameters: { eps: { default: 0.01, range: "above 0, below 1", meaning: "Half the relative distance to the best logit within which an expert may be sampled." } },
};

/** Output factor of Heun's third-order rule off the midpoint, as rounded by the authors. */
const OFF_MIDPOINT = 0.3333;
/** Share of samples that are not the most probable expert and still get the factor 1. */
const MIDPOINT_SHARE = 0.25;

/**
 * Settings of {@link SparseMixerRouter}.
 * @example const options: SparseMixerRouterOptions = { dim: 64, numExperts: 16, eps: 0.01, seed: 1 };
 */
export interface SparseMixerRouterOptions extends GateOptions {
  /** Half the relative distance to the best logit within which an expert may be sampled; default 0.01. */
  readonly eps?: number;
}

/** One of the two rounds. */
interface Round {
  /** `[T, E]` off the tape: what the expert was chosen by. */
  readonly selection_TE: Tensor2D;
  readonly ids_T1: Tensor2D;
  readonly gates_T1: Tensor2D;
}

/**
 * Two experts per token in two rounds, as in Phi-3.5-MoE and GRIN.
 *
 * Per round, with `m` the largest logit left: experts with `(m - l) / max(|l|, m) > 2 eps` are masked, `p` is the softmax
 * over the others, the expert is the one with the largest logit, and its gate `p[id]`. The second round leaves out the
 * first expert. Gates are near 1 each; they do not sum to 1.
 *
 * In training the expert is sampled from `p` (Gumbel noise), and the gate is `p[id]` if it is the most probable one, else
 * with probability 1/4; otherwise a third of it. Its gradient is `p[id] (onehot - p)` either way.
 *
 * Of the context it reads `training`, `seed` and `layer` (all noise is a function of these two) and the overrides
 * `expertIds`, `gates` and `scoreBias`; the last is added to the logits for the choice among the unmasked only.
 *
 * @source Liu et al. 2024 (GRIN), arXiv:2409.12136; transformers phimoe, `sparsemixer`.
 * @example const { expertIds, gates } = new SparseMixerRouter({ dim: 64, numExperts: 16, seed: 1 }).route(x);
 */
export class SparseMixerRouter implements Router {
  /** `[E, D]` */
  readonly weight: Variable<Rank.R2>;
  /** `[E]`, only where asked for. */
  readonly bias?: Variable<Rank.R1>;
  private readonly eps: number;

  /** @throws ConfigError if there are fewer than two experts or `eps` is out of range; ShapeError if a given weight is not `[E, D]`. */
  constructor(options: SparseMixerRouterOptions) {
    const { eps = 0.01, numExperts } = options;
    if (!(eps > 0 && eps < 1)) throw new ConfigError(`SparseMixerRouter: eps must be between 0 and 1; got ${eps}.`);
    if (numExperts < 2) throw new ConfigError(`SparseMixerRouter: numExperts must be at least 2, because each token takes two; got ${numExperts}.`);
    const { weight, bias } = createGate("SparseMixerRouter", options);
    this.weight = weight;
    this.bias = bias;
    this.eps = eps;
  }

  get numExperts(): number {
    return this.weight.shape[0];
  }

  /**
   * @param x - `[T, D]` float32.
   * @throws ShapeError if `x` or an override has another shape; ConfigError in training without `context.seed`.
   */
  route(x: Tensor2D, context: RouteContext = {}): TokenChoice {
    return tidy(() => {
      const logits = routerLogits("SparseMixerRouter", x, this);
      const forced = context.overrides?.expertIds;
      if (forced) checkOverride("SparseMixerRouter", "expertIds", forced, [x.shape[0], 2], "int32");
      const column = (slot: number) => forced && (tf.slice(stopGradient(forced), [0, slot], [x.shape[0], 1]) as Tensor2D);
      const first = this.round(logits, context, 1, undefined, column(0));
      const second = this.round(logits, context, 2, first.ids_T1, column(1));
      const expertIds = tf.concat([first.ids_T1, second.ids_T1], 1) as Tensor2D;
      const gates = forcedOr("SparseMixerRouter", context, { expertIds, scores: logits }, () => tf.concat([first.gates_T1, second.gates_T1], 1));
      // Those of the first round; the second draws again.
      const selectionScores = context.training || context.overrides?.scoreBias ? first.selection_TE : undefined;
      return { kind: "token-choice", numExperts: this.numExperts, logits, probs: tf.softmax(logits), selectionScores, expertIds, gates };
    });
  }

  private round(logits: Tensor2D, context: RouteContext, which: 1 | 2, taken_T1: Tensor2D | undefined, forced_T1: Tensor2D | undefined): Round {
    const far_TE = this.farFromBest(stopGradient(logits), taken_T1);
    const kept_TE = tf.where(far_TE, tf.fill(logits.shape, EXCLUDED), logits) as Tensor2D;
    const probs_TE = tf.softmax(kept_TE);
    const selection_TE = selectionOf(stopGradient(kept_TE), context, which);
    const ids_T1 = forced_T1 ?? topK(selection_TE, 1).ids;
    const gates_T1 = scoresAt(probs_TE, ids_T1);
    return { selection_TE, ids_T1, gates_T1: context.training ? withHeun(gates_T1, stopGradient(probs_TE), ids_T1, uniform([logits.shape[0], 1], context, `heun${which}`)) : gates_T1 };
  }

  /** `[T, E]`: true where a logit is too far below the best one left, or its expert is taken. */
  private farFromBest(logits_TE: Tensor2D, taken_T1: Tensor2D | undefined): tf.Tensor {
    const taken_TE = taken_T1 && isExpert(taken_T1, logits_TE.shape[1]);
    const left_TE = taken_TE ? tf.where(taken_TE, tf.fill(logits_TE.shape, EXCLUDED), logits_TE) : logits_TE;
    const best_T1 = tf.max(left_TE, 1, true);
    // Where the scale is 0, so is the distance.
    const scale_TE = tf.maximum(tf.maximum(tf.abs(logits_TE), best_T1), 1e-30);
    const far_TE = tf.greater(tf.div(tf.sub(best_T1, logits_TE), scale_TE), 2 * this.eps);
    return taken_TE ? tf.logicalOr(far_TE, taken_TE) : far_TE;
  }
}

/** The kept logits; in training with noise, so that the largest is a sample of their softmax. */
function selectionOf(kept_TE: Tensor2D, context: RouteContext, which: 1 | 2): Tensor2D {
  const biased_TE = withScoreBias("SparseMixerRouter", kept_TE, context.overrides?.scoreBias) ?? kept_TE;
  return context.training ? tf.add(biased_TE, gumbel(kept_TE.shape, context, which)) : biased_TE;
}

/** The gate's value times 1 or a third, its gradient as it is. */
function withHeun(gates_T1: Tensor2D, probs_TE: Tensor2D, ids_T1: Tensor2D, draw_T1: Tensor2D): Tensor2D {
  const isBest_T1 = tf.equal(ids_T1, topK(probs_TE, 1).ids);
  const keeps_T1 = tf.cast(tf.logicalOr(isBest_T1, tf.greater(draw_T1, 1 - MIDPOINT_SHARE)), "float32");
  const lost_T1 = tf.mul(stopGradient(gates_T1), tf.mul(tf.sub(keeps_T1, 1), 1 - OFF_MIDPOINT));
  return tf.add(gates_T1, lost_T1);
}

/** `[T, E]` bool: true at the expert of each row. */
const isExpert = (ids_T1: Tensor2D, numExperts: number): tf.Tensor => tf.equal(ids_T1, tf.reshape(tf.range(0, numExperts, 1, "int32"), [1, numExperts]));

/** `-log(-log u)`. */
function gumbel(shape: [number, number], context: RouteContext, which: 1 | 2): Tensor2D {
  const draw = uniform(shape, context, `gumbel${which}`);
  // 1 - u is in (0, 1]; at 1 the noise would be infinite.
  return tf.neg(tf.log(tf.maximum(tf.neg(tf.log(tf.sub(1, draw))), 1e-12)));
}

function uniform(shape: [number, number], { seed, layer = 0 }: RouteContext, name: string): Tensor2D {
  if (seed === undefined) throw new ConfigError("SparseMixerRouter: context.seed must be given in training, because the samples are a function of (seed, layer); got none.");
  return tf.tensor2d(randomUniform(shape[0] * shape[1], { seed, stream: `sparseMixer.${name}.${layer}` }), shape);
}
