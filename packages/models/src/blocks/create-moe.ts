import * as tf from "@tensorflow/tfjs";
import { ConfigError, MoeLayer, weightVariable, type FeedForward, type Router } from "@moekit/core";
import { routerByName } from "@moekit/routing";
import type { MoeConfig, SharedExpertConfig } from "../config/feed-forward-config.js";
import { createExperts } from "./create-experts.js";
import { DenseFeedForward } from "./dense-feed-forward.js";
import type { ModelInit } from "./model-init.js";
import { OutputBias } from "./output-bias.js";

/** An MoE layer with SwiGLU experts, the router that the config names and, where there is one, a shared expert. */
export function createMoe(config: MoeConfig, hiddenSize: number, stream: string, init: ModelInit): MoeLayer {
  const experts = createExperts(config, hiddenSize, `${stream}.experts`, init);
  const shared = createShared(config, hiddenSize, `${stream}.shared`, init);
  return new MoeLayer({ router: createRouter(config, hiddenSize, `${stream}.router`, init), experts, gatesOn: config.gatesOn, shared });
}

function createShared({ shared, outputBias }: MoeConfig, hiddenSize: number, stream: string, init: ModelInit): FeedForward | undefined {
  if (shared && outputBias) throw new ConfigError("createMoe: a layer has a shared expert or an output bias, not both.");
  if (outputBias) return new OutputBias(hiddenSize);
  return shared && new SharedFeedForward(shared, hiddenSize, stream, init);
}

/** `ffn(x)`, or `sigmoid(x . w) ffn(x)` where gated (Qwen2-MoE). */
class SharedFeedForward implements FeedForward {
  readonly ffn: DenseFeedForward;
  /** `[1, D]` */
  readonly gate?: tf.Variable;

  constructor({ width, bias, gated }: SharedExpertConfig, hiddenSize: number, stream: string, init: ModelInit) {
    this.ffn = new DenseFeedForward(hiddenSize, { width, bias }, stream, init);
    if (gated) this.gate = weightVariable([1, hiddenSize], { seed: init.seed, stream: `${stream}.gate`, std: init.std });
  }

  forward(x_TD: tf.Tensor2D): tf.Tensor2D {
    const y_TD = this.ffn.forward(x_TD);
    if (!this.gate) return y_TD;
    const gate_T1 = tf.sigmoid(tf.sum(tf.mul(x_TD, this.gate), 1, true));
    return tf.mul(y_TD, gate_T1);
  }
}

function createRouter({ numExperts, topK, router: { name, ...settings } }: MoeConfig, dim: number, stream: string, { seed, std }: ModelInit): Router {
  const method = routerByName(name);
  // Routers that choose by another rule (a probability, the experts' choice) have no topK to set.
  const choices = "topK" in method.facts.parameters ? { topK } : {};
  return method.create({ dim, numExperts, ...choices, ...settings, seed, stream, std });
}
