import * as tf from "@tensorflow/tfjs";
import type { LayerRouting, MoeLayer, Routing } from "@moekit/core";
import type { LayerConfig, ModelConfig, ResidualConfig } from "../config/model-config.js";
import { createAttention, type Attention, type AttentionInput } from "./attention.js";
import { createMoe } from "./create-moe.js";
import { jitter } from "./jitter.js";
import { DenseFeedForward } from "./dense-feed-forward.js";
import type { ModelInit } from "./model-init.js";
import { createNorm, type Norm } from "./norm.js";

const PLAIN: ResidualConfig = { norm: "before", keep: 1, add: 1 };

/** What a router of a layer decided, and in which part it is. */
export type PartRouting = Pick<LayerRouting, "routing" | "part">;

/** `h += attention(norm(h)); h += feedForward(norm(h))`, where the second part is dense or has experts. */
export class DecoderLayer {
  readonly attentionNorm: Norm;
  readonly attention: Attention;
  readonly feedForwardNorm: Norm;
  readonly dense?: DenseFeedForward;
  readonly moe?: MoeLayer;
  private readonly inputJitter: number;
  private readonly residual: NonNullable<LayerConfig["residual"]>;

  constructor({ attention, feedForward, residual }: LayerConfig, config: ModelConfig, stream: string, init: ModelInit) {
    const { hiddenSize, norm } = config;
    this.attentionNorm = createNorm(norm, hiddenSize);
    this.attention = createAttention(attention, config, `${stream}.attention`, init);
    this.feedForwardNorm = createNorm(norm, hiddenSize);
    if (feedForward.kind === "moe") this.moe = createMoe(feedForward, hiddenSize, `${stream}.moe`, init);
    else this.dense = new DenseFeedForward(hiddenSize, feedForward, `${stream}.dense`, init);
    this.inputJitter = feedForward.kind === "moe" ? (feedForward.inputJitter ?? 0) : 0;
    this.residual = residual ?? { attention: PLAIN, feedForward: PLAIN };
  }

  /** @returns The new residual stream, and what the experts' routers decided, in order. */
  forward(h_TD: tf.Tensor2D, input: AttentionInput): { h: tf.Tensor2D; routings: readonly PartRouting[] } {
    const routings: PartRouting[] = [];
    const note = ({ y, routing }: { y: tf.Tensor2D; routing?: Routing }, part?: string) => {
      if (routing) routings.push(part === undefined ? { routing } : { routing, part });
      return y;
    };
    const attend = (x_TD: tf.Tensor2D) => note(this.attention.forward(x_TD, input), "attention");
    const feed = (x_TD: tf.Tensor2D) => (this.dense ? this.dense.forward(x_TD) : note(this.moe!.forward(jitter(x_TD, this.inputJitter, input.context), input.context)));
    const attended_TD = join(h_TD, attend, this.attentionNorm, this.residual.attention);
    return { h: join(attended_TD, feed, this.feedForwardNorm, this.residual.feedForward), routings };
  }
}

/** The residual stream after one block; see {@link ResidualConfig}. */
function join(h_TD: tf.Tensor2D, block: (x: tf.Tensor2D) => tf.Tensor2D, norm: Norm, { norm: place, keep, add }: ResidualConfig): tf.Tensor2D {
  if (place === "after") return tf.add(scaled(h_TD, keep), scaled(norm.forward(block(h_TD)), add));
  const normed_TD = norm.forward(h_TD);
  return tf.add(scaled(place === "stream" ? normed_TD : h_TD, keep), scaled(block(normed_TD), add));
}

const scaled = (x: tf.Tensor2D, factor: number): tf.Tensor2D => (factor === 1 ? x : tf.mul(x, factor));
