/** T tokens of all sequences, D model width. */
import * as tf from "@tensorflow/tfjs";
import type { RouteContext, Routing } from "@moekit/core";
import { batchFirst } from "../blocks/batch-among-heads.js";
import type { ModelInit } from "../blocks/model-init.js";
import { createNorm, type Norm } from "../blocks/norm.js";
import { BiasedAttention } from "./biased-attention.js";
import type { EncoderDecoderConfig, StackLayerKind } from "./config.js";
import type { DecoderCache } from "./decoder-cache.js";
import { PlainFeedForward, SwitchFeedForward } from "./feed-forward.js";

/** What a layer needs to know about the batch it sees. */
export interface StackLayerInput {
  readonly layer: number;
  readonly batch: number;
  /** `[1, H, S, L]` */
  readonly bias: tf.Tensor4D;
  /** The encoder's output, sequences one after another; only in a decoder. */
  readonly encoded_TD?: tf.Tensor2D;
  readonly cache?: DecoderCache;
  readonly context: RouteContext;
}

/** Self-attention, in a decoder attention to the encoder's output, and a dense block or experts; each `h += block(norm(h))`. */
export class StackLayer {
  readonly selfNorm: Norm;
  readonly selfAttention: BiasedAttention;
  readonly crossNorm?: Norm;
  readonly crossAttention?: BiasedAttention;
  readonly feedForwardNorm: Norm;
  readonly dense?: PlainFeedForward;
  readonly moe?: SwitchFeedForward;

  constructor(kind: StackLayerKind, config: EncoderDecoderConfig, side: "encoder" | "decoder", stream: string, init: ModelInit) {
    const { hiddenSize, norm, feedForward } = config;
    this.selfNorm = createNorm(norm, hiddenSize);
    this.selfAttention = new BiasedAttention(config, `${stream}.selfAttention`, init);
    if (side === "decoder") this.crossNorm = createNorm(norm, hiddenSize);
    if (side === "decoder") this.crossAttention = new BiasedAttention(config, `${stream}.crossAttention`, init);
    this.feedForwardNorm = createNorm(norm, hiddenSize);
    if (kind === "moe") this.moe = new SwitchFeedForward(feedForward, hiddenSize, `${stream}.moe`, init);
    else this.dense = new PlainFeedForward(feedForward, hiddenSize, `${stream}.dense`, init);
  }

  forward(h_TD: tf.Tensor2D, input: StackLayerInput): { h: tf.Tensor2D; routing?: Routing } {
    const attended_TD: tf.Tensor2D = tf.add(h_TD, this.attendSelf(this.selfNorm.forward(h_TD), input));
    const crossed_TD: tf.Tensor2D = this.crossNorm ? tf.add(attended_TD, this.attendEncoded(this.crossNorm.forward(attended_TD), input)) : attended_TD;
    const { y, routing } = this.feed(this.feedForwardNorm.forward(crossed_TD), input);
    return { h: tf.add(crossed_TD, y), routing };
  }

  private attendSelf(x_TD: tf.Tensor2D, { layer, batch, bias, cache }: StackLayerInput): tf.Tensor2D {
    const added = this.selfAttention.keysAndValues(x_TD, batch);
    if (!cache) return this.selfAttention.forward(x_TD, batch, added, bias);
    const { key, value } = cache.own.extend(layer, added);
    const apart = (x: tf.Tensor4D) => (x.shape[0] === batch ? x : batchFirst(x, batch));
    return this.selfAttention.forward(x_TD, batch, { key: apart(key), value: apart(value) }, bias);
  }

  private attendEncoded(x_TD: tf.Tensor2D, { layer, batch, encoded_TD, cache }: StackLayerInput): tf.Tensor2D {
    const attention = this.crossAttention!;
    const compute = () => attention.keysAndValues(encoded_TD!, batch);
    return attention.forward(x_TD, batch, cache?.ofEncoded(layer, compute) ?? compute());
  }

  private feed(x_TD: tf.Tensor2D, { layer, batch, cache, context }: StackLayerInput): { y: tf.Tensor2D; routing?: Routing } {
    if (!this.moe) return { y: this.dense!.forward(x_TD) };
    const { y, routing, taken } = this.moe.forward(x_TD, batch, context, cache?.taken(layer));
    cache?.keepTaken(layer, taken);
    return { y, routing };
  }
}
