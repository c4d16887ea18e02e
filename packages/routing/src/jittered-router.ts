import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { ConfigError, randomUniform, tidy, type MethodFacts, type RouteContext, type Router, type Routing } from "@moekit/core";

/** The facts of {@link JitteredRouter}. */
export const inputJitterFacts: MethodFacts = {
  id: "inputJitter",
  title: "Input jitter",
  source: "Fedus et al. 2021 (Switch Transformer), arXiv:2101.03961, section 2.4",
  summary: "In training, the input of any router is multiplied by random numbers near 1, so that close decisions are tried both ways. The experts' input stays as it is.",
  formula: "logits = (x * u) W^T, u uniform in [1 - eps, 1 + eps)",
  parameters: { eps: { default: 0.01, range: "above 0, below 1", meaning: "Half the width of the interval around 1." } },
};

/**
 * Multiplies the input of another router by random numbers near 1 while training; the experts' input stays as it is.
 *
 * `x * u`, `u` uniform in `[1 - eps, 1 + eps)`, a function of (`context.seed`, `context.layer`).
 *
 * @source Fedus et al. 2021 (Switch), arXiv:2101.03961, section 2.4, eps 0.01.
 * @example const router = new JitteredRouter(new TopKRouter({ dim: 64, numExperts: 8, seed: 1 }), 0.01);
 */
export class JitteredRouter implements Router {
  /** @throws ConfigError if `eps` is not between 0 and 1. */
  constructor(
    readonly inner: Router,
    private readonly eps = 0.01,
  ) {
    if (!(eps > 0 && eps < 1)) throw new ConfigError(`JitteredRouter: eps must be between 0 and 1; got ${eps}.`);
  }

  get numExperts(): number {
    return this.inner.numExperts;
  }

  /** @param x - `[T, D]` float32. @throws ConfigError in training without `context.seed`. */
  route(x: Tensor2D, context: RouteContext = {}): Routing {
    if (!context.training) return this.inner.route(x, context);
    return tidy(() => this.inner.route(this.jitter(x, context), context));
  }

  private jitter(x: Tensor2D, { seed, layer = 0 }: RouteContext): Tensor2D {
    if (seed === undefined) throw new ConfigError("JitteredRouter: context.seed must be given in training, because the jitter is a function of (seed, layer); got none.");
    const factors = randomUniform(x.size, { seed, stream: `jitter.${layer}` }, 1 - this.eps, 1 + this.eps);
    return tf.mul(x, tf.tensor2d(factors, x.shape));
  }
}
