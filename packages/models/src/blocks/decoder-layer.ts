import * as tf from "@tensorflow/tfjs";
import type { MoeLayer, RouteContext, Routing } from "@moekit/core";
import type { LayerConfig, ModelConfig } from "../config/model-config.js";
import { AttentionBlock, type AttentionInput } from "./attention-block.js";
import { createMoe } from "./create-moe.js";
import { DenseFeedForward } from "./dense-feed-forward.js";
import type { ModelInit } from "./model-init.js";
import { RmsNorm } from "./rms-norm.js";

/** `h += attention(norm(h)); h += feedForward(norm(h))`, where the second part is dense or has experts. */
export class DecoderLayer {
  readonly attentionNorm: RmsNorm;
  readonly attention: AttentionBlock;
  readonly feedForwardNorm: RmsNorm;
  readonly dense?: DenseFeedForward;
  readonly moe?: MoeLayer;

  constructor({ attention, feedForward }: LayerConfig, config: ModelConfig, stream: string, init: ModelInit) {
    const { hiddenSize, normEps } = config;
    this.attentionNorm = new RmsNorm(hiddenSize, normEps);
    this.attention = new AttentionBlock(attention, config, `${stream}.attention`, init);
    this.feedForwardNorm = new RmsNorm(hiddenSize, normEps);
    if (feedForward.kind === "moe") this.moe = createMoe(feedForward, hiddenSize, `${stream}.moe`, init);
    else this.dense = new DenseFeedForward(hiddenSize, feedForward.width, `${stream}.dense`, init);
  }

  /** @returns The new residual stream, and the routing where the layer has experts. */
  forward(h_TD: tf.Tensor2D, input: AttentionInput, context: RouteContext): { h: tf.Tensor2D; routing?: Routing } {
    const attended_TD: tf.Tensor2D = tf.add(h_TD, this.attention.forward(this.attentionNorm.forward(h_TD), input));
    const normed_TD = this.feedForwardNorm.forward(attended_TD);
    if (this.dense) return { h: tf.add(attended_TD, this.dense.forward(normed_TD)) };
    const { y, routing } = this.moe!.forward(normed_TD, context);
    return { h: tf.add(attended_TD, y), routing };
  }
}
