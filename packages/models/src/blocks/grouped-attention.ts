/** B sequences of S tokens, T = B S, D model width, H query heads, G key/value heads, d head width, L keys seen. */
import * as tf from "@tensorflow/tfjs";
import { attention, constantVariable, rotary } from "@moekit/core";
import type { GroupedAttentionConfig } from "../config/attention-config.js";
import type { Attention, AttentionInput, AttentionSizes } from "./attention.js";
import { mixWhereBatchIs } from "./batch-among-heads.js";
import { chunkedAttention, keysOfOpenChunk } from "./chunked-attention.js";
import { Linear } from "./linear.js";
import type { ModelInit } from "./model-init.js";
import type { Norm } from "./norm.js";
import { withTemperature } from "./position-temperature.js";
import { RmsNorm } from "./rms-norm.js";
import { UnweightedNorm } from "./unweighted-norm.js";

/** Grouped-query attention; optionally rotary positions, normed or clamped queries and keys, biases, sinks, a window or chunks. */
export class GroupedAttention implements Attention {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly queryNorm?: Norm;
  readonly keyNorm?: Norm;
  /** `[H]` */
  readonly sinks?: tf.Variable<tf.Rank.R1>;

  constructor(
    private readonly config: GroupedAttentionConfig,
    { hiddenSize, norm }: AttentionSizes,
    stream: string,
    { seed, std, residualStd, packed }: ModelInit,
  ) {
    const { numHeads, numKeyValueHeads, headDim, bias, qkNorm, sinks } = config;
    const [queries, keys] = [numHeads * headDim, numKeyValueHeads * headDim];
    const init = (name: string, ownStd = std) => ({ seed, stream: `${stream}.${name}`, std: ownStd, packed });
    this.query = new Linear(hiddenSize, queries, { init: init("query"), bias: bias.queryKeyValue });
    this.key = new Linear(hiddenSize, keys, { init: init("key"), bias: bias.queryKeyValue });
    this.value = new Linear(hiddenSize, keys, { init: init("value"), bias: bias.queryKeyValue });
    this.output = new Linear(queries, hiddenSize, { init: init("output", residualStd), bias: bias.output });
    if (sinks) this.sinks = constantVariable([numHeads], 0);
    if (!qkNorm) return;
    const normOf = (all: number) => (qkNorm.weighted === false ? new UnweightedNorm(norm.eps) : new RmsNorm(qkNorm.over === "all-heads" ? all : headDim, norm.eps));
    this.queryNorm = normOf(queries);
    this.keyNorm = normOf(keys);
  }

  forward(x_TD: tf.Tensor2D, input: AttentionInput): { y: tf.Tensor2D } {
    const { numHeads, numKeyValueHeads, headDim } = this.config;
    const q_BSHd = this.place(this.heads(this.query.forward(x_TD), numHeads, input.batch, this.queryNorm), input, this.queryNorm);
    const k_BSGd = this.place(this.heads(this.key.forward(x_TD), numKeyValueHeads, input.batch, this.keyNorm), input, this.keyNorm);
    const v_BSGd = this.heads(this.value.forward(x_TD), numKeyValueHeads, input.batch);
    const { key, value } = input.cache?.extend(input.layer, { key: k_BSGd, value: v_BSGd }, this.keysNeeded(input.start + k_BSGd.shape[1])) ?? { key: k_BSGd, value: v_BSGd };
    const y_BSHd = mixWhereBatchIs(this.warmed(q_BSHd, input.start), key, (q, amongHeads) => this.mix(q, key, value, amongHeads));
    return { y: this.output.forward(tf.reshape(y_BSHd, [x_TD.shape[0], numHeads * headDim])) };
  }

  private warmed(q_BSHd: tf.Tensor4D, start: number): tf.Tensor4D {
    const { temperature } = this.config;
    return temperature ? withTemperature(q_BSHd, temperature, start) : q_BSHd;
  }

  private mix(q: tf.Tensor4D, key: tf.Tensor4D, value: tf.Tensor4D, amongHeads: number): tf.Tensor4D {
    const { headDim, window, chunk, scale = headDim ** -0.5 } = this.config;
    const sinks = this.sinks && amongHeads > 1 ? tf.tile(this.sinks, [amongHeads]) : this.sinks;
    return chunk === undefined ? attention(q, key, value, { causal: true, scale, window, sinks }) : chunkedAttention(q, key, value, chunk, { scale, sinks });
  }

  /** Keys that the token at position `next` sees, itself included. Left out: all. */
  private keysNeeded(next: number): number | undefined {
    const { window, chunk } = this.config;
    return chunk === undefined ? window : keysOfOpenChunk(next, chunk) + 1;
  }

  /** `[T, count * d]` to heads `[B, S, count, d]`, normed over all heads or each of them, then clamped. */
  private heads(x: tf.Tensor2D, count: number, batch: number, norm?: Norm): tf.Tensor4D {
    const { headDim, qkNorm, clip } = this.config;
    const shape: [number, number, number, number] = [batch, x.shape[0] / batch, count, headDim];
    const split: tf.Tensor4D = tf.reshape(qkNorm?.over === "all-heads" && norm ? norm.forward(x) : x, shape);
    const normed = qkNorm?.over === "head" && qkNorm.after === "projection" && norm ? norm.forward(split) : split;
    return clip === undefined ? normed : tf.clipByValue(normed, -clip, clip);
  }

  /** Gives heads their positions, and the norm where it comes after them. */
  private place(x_BSHd: tf.Tensor4D, { tables }: AttentionInput, norm?: Norm): tf.Tensor4D {
    const { rotary: config, qkNorm } = this.config;
    const placed = config && tables ? rotary(x_BSHd, tables.cos, tables.sin, config.layout) : x_BSHd;
    return qkNorm?.after === "rotary" && norm ? norm.forward(placed) : placed;
  }
}
