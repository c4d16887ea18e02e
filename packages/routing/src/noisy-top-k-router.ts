import * as tf from "@tensorflow/tfjs";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { ConfigError, constantVariable, randomNormal, tidy, type MethodFacts, type RouteContext, type Router, type TokenChoice } from "@moekit/core";
import { createGate, routerLogits, type GateOptions } from "./gate.js";
import { checkPositive, checkWhole } from "./internal/check.js";
import { chooseTopK, EXCLUDED, forcedOr } from "./internal/choose.js";

/** The facts of {@link NoisyTopKRouter}. */
export const noisyTopKFacts: MethodFacts = {
  id: "noisyTopK",
  title: "Noisy top-k",
  source: "Shazeer et al. 2017, arXiv:1701.06538, eq. 3-5; Riquelme et al. 2021 (V-MoE), arXiv:2106.05974 (fixed noise)",
  summary: "In training, normal noise is added to the logits before the choice, so that rarely used experts are tried. The router learns how much, or it is fixed.",
  formula: "H = x W^T + n * std, n ~ N(0, 1), std = softplus(x V^T) + 0.01; ids = top-k of H; gates = softmax of H over ids",
  parameters: {
    topK: { default: 2, range: "1 to E", meaning: "Experts per token." },
    noiseStd: { default: "learned", range: "above 0", meaning: "Fixed standard deviation of the noise (V-MoE takes 1 / E), or learned for each token and expert." },
    minNoiseStd: { default: 0.01, range: "above 0", meaning: "Added to the learned standard deviation, so that the load loss stays finite." },
  },
};

/**
 * Settings of {@link NoisyTopKRouter}.
 * @example const options: NoisyTopKRouterOptions = { dim: 64, numExperts: 8, topK: 2 };
 */
export interface NoisyTopKRouterOptions extends GateOptions {
  /** Default 0 here: all experts start equal, as in the paper. No seed is needed then. */
  readonly std?: number;
  /** Experts per token K; default 2. */
  readonly topK?: number;
  /** A fixed standard deviation of the noise. Left out: learned for each token and expert. */
  readonly noiseStd?: number;
  /** Added to the learned standard deviation; default 0.01. */
  readonly minNoiseStd?: number;
}

/**
 * Top-k of logits that carry noise while training.
 *
 * `H = x W^T + n * std` with `n ~ N(0, 1)` and `std = softplus(x V^T) + minNoiseStd`; `ids` = the K largest `H`, ties to
 * the lower id; `gates = softmax(H[ids])`. `W` and `V` start at 0. Outside training `H = x W^T`.
 * The routing carries `noisyLogits` and `extra.noiseStd` `[T, E]`, which the load loss needs; `probs = softmax(x W^T)`.
 * Of the context it reads `training`, `seed` and `layer` (noise is a function of these two) and `overrides`; a `scoreBias`
 * is added to `H` for the choice only.
 *
 * @source Shazeer et al. 2017, arXiv:1701.06538, eq. 3-5; `minNoiseStd` as in the PyTorch port davidmrau/mixture-of-experts.
 * @example const { gates } = new NoisyTopKRouter({ dim: 64, numExperts: 8 }).route(x, { training: true, seed: 7, layer: 0 });
 */
export class NoisyTopKRouter implements Router {
  /** `[E, D]` */
  readonly weight: Variable<Rank.R2>;
  /** `[E]`, only where asked for. */
  readonly bias?: Variable<Rank.R1>;
  /** `[E, D]`: learns the noise; absent with a fixed `noiseStd`. */
  readonly noiseWeight?: Variable<Rank.R2>;
  private readonly topK: number;
  private readonly fixedStd?: number;
  private readonly minNoiseStd: number;

  /** @throws ConfigError if a number is out of its range; ShapeError if a given weight is not `[E, D]`. */
  constructor(options: NoisyTopKRouterOptions) {
    const { topK = 2, noiseStd, minNoiseStd = 0.01, dim, numExperts } = options;
    const { weight, bias } = createGate("NoisyTopKRouter", { std: 0, ...options });
    checkWhole("NoisyTopKRouter", "topK", topK, 1, numExperts);
    checkPositive("NoisyTopKRouter", "minNoiseStd", minNoiseStd);
    if (noiseStd !== undefined) checkPositive("NoisyTopKRouter", "noiseStd", noiseStd);
    this.weight = weight;
    this.bias = bias;
    this.noiseWeight = noiseStd === undefined ? constantVariable([numExperts, dim], 0) : undefined;
    this.topK = topK;
    this.fixedStd = noiseStd;
    this.minNoiseStd = minNoiseStd;
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
      const logits = routerLogits("NoisyTopKRouter", x, this);
      const noisy = context.training ? this.addNoise(x, logits, context) : undefined;
      const scores_TE = noisy?.noisyLogits ?? logits;
      const choice = chooseTopK({ in: "NoisyTopKRouter", scores: scores_TE, topK: this.topK, context });
      const gates = forcedOr("NoisyTopKRouter", context, choice, () => softmaxOverReal(choice.scores, choice.expertIds));
      const { expertIds, selectionScores = noisy?.noisyLogits } = choice;
      return { kind: "token-choice", numExperts: this.numExperts, logits, probs: tf.softmax(logits), ...noisy, selectionScores, expertIds, gates };
    });
  }

  private addNoise(x: Tensor2D, logits: Tensor2D, { seed, layer = 0 }: RouteContext): Pick<TokenChoice, "noisyLogits" | "extra"> {
    if (seed === undefined) throw new ConfigError("NoisyTopKRouter: context.seed must be given in training, because the noise is a function of (seed, layer); got none.");
    const noise_TE = tf.tensor2d(randomNormal(logits.size, { seed, stream: `noise.${layer}` }), logits.shape);
    const noiseStd = this.noiseStd(x, logits.shape);
    return { noisyLogits: tf.add(logits, tf.mul(noise_TE, noiseStd)), extra: { noiseStd } };
  }

  private noiseStd(x: Tensor2D, shape: [number, number]): Tensor2D {
    if (!this.noiseWeight) return tf.fill(shape, this.fixedStd!);
    const raw = routerLogits("NoisyTopKRouter", x, { weight: this.noiseWeight });
    return tf.add(tf.softplus(raw), this.minNoiseStd);
  }
}

/** Softmax over the slots of each token; empty slots get 0. */
function softmaxOverReal(logits_TK: Tensor2D, ids_TK: Tensor2D): Tensor2D {
  const isReal_TK = tf.cast(tf.greaterEqual(ids_TK, tf.scalar(0, "int32")), "float32");
  const excluded_TK = tf.mul(tf.sub(1, isReal_TK), EXCLUDED);
  return tf.mul(tf.softmax(tf.add(logits_TK, excluded_TK)), isReal_TK);
}
