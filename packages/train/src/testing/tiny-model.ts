/** A two-layer MoE language model on core's ops, small enough to check by eye. T tokens, D width, E experts, K slots, F expert width. */
import * as tf from "@tensorflow/tfjs";
import type { Tensor2D, Tensor3D, Variable } from "@tensorflow/tfjs";
import { combine, dispatch, expertMlp, gatherRows, sortByExpert, topK, type ForwardOptions, type LanguageModel, type LayerRouting, type RouteContext, type RoutingTrace, type TokenChoice } from "@moekit/core";

export interface TinyOptions {
  readonly seed?: number;
  /** Noise on the router logits while training. */
  readonly noise?: number;
}

const [VOCABULARY, D, E, K, F, LAYERS] = [11, 8, 4, 2, 6, 2];

export class TinyModel implements LanguageModel {
  readonly embedding: Variable;
  readonly layers: TinyLayer[];
  readonly finalNorm: { weight: Variable };
  readonly head: { weight: Variable; bias: Variable };

  constructor({ seed = 1, noise = 0 }: TinyOptions = {}) {
    this.embedding = random([VOCABULARY, D], seed);
    this.layers = Array.from({ length: LAYERS }, (_, layer) => new TinyLayer(seed + 10 * (layer + 1), noise));
    this.finalNorm = { weight: tf.variable(tf.ones([D])) };
    this.head = { weight: random([VOCABULARY, D], seed + 2), bias: tf.variable(tf.zeros([VOCABULARY])) };
  }

  forward(ids: Tensor2D, { context = {} }: ForwardOptions = {}): { logits: Tensor3D; trace: RoutingTrace } {
    let x_TD = gatherRows(this.embedding as unknown as Tensor2D, tf.reshape(ids, [-1]));
    const trace: LayerRouting[] = [];
    this.layers.forEach((layer, index) => {
      const { y, routing } = layer.forward(x_TD, { ...context, layer: index });
      trace.push({ layer: index, routing, context });
      x_TD = tf.add(x_TD, y);
    });
    const logits_TV = tf.add(tf.matMul(tf.mul(x_TD, this.finalNorm.weight), this.head.weight as unknown as Tensor2D, false, true), this.head.bias);
    return { logits: tf.reshape(logits_TV, [...ids.shape, VOCABULARY]), trace };
  }
}

class TinyLayer {
  readonly router: { weight: Variable; expertBias: Variable };
  readonly experts: { up: Variable; upBias: Variable; down: Variable };

  constructor(seed: number, private readonly noise: number) {
    this.router = { weight: random([E, D], seed), expertBias: tf.tidy(() => tf.variable(tf.zeros([E]), false)) };
    this.experts = { up: random([E, F, D], seed + 1), upBias: random([E, F], seed + 2), down: random([E, D, F], seed + 3) };
  }

  forward(x_TD: Tensor2D, context: RouteContext): { y: Tensor2D; routing: TokenChoice } {
    const routing = this.route(x_TD, context);
    const plan = { numExperts: E, slotsPerToken: K, gates: routing.gates, ...sortByExpert(routing.expertIds, E) };
    const { up, upBias, down } = this.experts as unknown as { up: Tensor3D; upBias: Tensor2D; down: Tensor3D };
    return { y: combine(expertMlp(dispatch(x_TD, plan), { up, upBias, down }, plan.offsets, { activation: "silu" }), plan), routing };
  }

  private route(x_TD: Tensor2D, { training, seed, layer }: RouteContext): TokenChoice {
    const logits = tf.matMul(x_TD, this.router.weight as unknown as Tensor2D, false, true) as Tensor2D;
    const noise_TE = training && this.noise > 0 ? tf.randomNormal(logits.shape, 0, this.noise, "float32", seed! + 1000 * layer!) : tf.zerosLike(logits);
    const probs = tf.sigmoid(tf.add(logits, noise_TE)) as Tensor2D;
    const { ids } = topK(tf.add(probs, this.router.expertBias), K);
    const gates = tf.sum(tf.mul(tf.oneHot(ids, E), tf.expandDims(probs, 1)), 2) as Tensor2D;
    return { kind: "token-choice", numExperts: E, logits, probs, expertIds: ids, gates };
  }
}

function random(shape: number[], seed: number): Variable {
  return tf.tidy(() => tf.variable(tf.randomNormal(shape, 0, 0.4, "float32", seed)));
}
