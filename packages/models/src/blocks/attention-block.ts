/** B sequences of S tokens, T = B S, D model width, H query heads, G key/value heads, d head width, L keys seen. */
import * as tf from "@tensorflow/tfjs";
import { attention, rotary } from "@moekit/core";
import type { AttentionConfig, ModelConfig } from "../config/model-config.js";
import type { KeyValueCache } from "../generation/key-value-cache.js";
import { Linear } from "./linear.js";
import type { ModelInit } from "./model-init.js";
import { RmsNorm } from "./rms-norm.js";

/** What an attention block needs to know about the batch it sees. */
export interface AttentionInput {
  /** Index of the layer, under which its keys and values are cached. */
  readonly layer: number;
  readonly batch: number;
  /** cos and sin of the positions of this batch, `[S, d/2]`. */
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
  readonly cache?: KeyValueCache;
}

/** Grouped-query attention with rotary positions; optionally normed or clamped queries and keys, biases, a window. */
export class AttentionBlock {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly queryNorm?: RmsNorm;
  readonly keyNorm?: RmsNorm;

  constructor(
    private readonly config: AttentionConfig,
    { hiddenSize, normEps }: ModelConfig,
    stream: string,
    { seed, std, residualStd }: ModelInit,
  ) {
    const { numHeads, numKeyValueHeads, headDim, bias, qkNorm } = config;
    const [queries, keys] = [numHeads * headDim, numKeyValueHeads * headDim];
    const options = (name: string, ownStd = std) => ({ init: { seed, stream: `${stream}.${name}`, std: ownStd }, bias });
    this.query = new Linear(hiddenSize, queries, options("query"));
    this.key = new Linear(hiddenSize, keys, options("key"));
    this.value = new Linear(hiddenSize, keys, options("value"));
    this.output = new Linear(queries, hiddenSize, options("output", residualStd));
    if (qkNorm === "none") return;
    this.queryNorm = new RmsNorm(qkNorm === "full" ? queries : headDim, normEps);
    this.keyNorm = new RmsNorm(qkNorm === "full" ? keys : headDim, normEps);
  }

  forward(x_TD: tf.Tensor2D, { layer, batch, cos, sin, cache }: AttentionInput): tf.Tensor2D {
    const { numHeads, numKeyValueHeads, headDim, window } = this.config;
    const q_BSHd = rotary(this.heads(this.query.forward(x_TD), numHeads, batch, this.queryNorm), cos, sin, "half");
    const k_BSGd = rotary(this.heads(this.key.forward(x_TD), numKeyValueHeads, batch, this.keyNorm), cos, sin, "half");
    const v_BSGd = this.heads(this.value.forward(x_TD), numKeyValueHeads, batch);
    const { key, value } = cache?.extend(layer, { key: k_BSGd, value: v_BSGd }, window) ?? { key: k_BSGd, value: v_BSGd };
    const y_BSHd = attention(q_BSHd, key, value, { causal: true, scale: headDim ** -0.5, window });
    return this.output.forward(tf.reshape(y_BSHd, [x_TD.shape[0], numHeads * headDim]));
  }

  /** `[T, count * d]` to heads `[B, S, count, d]`, normed over all heads or each of them, then clamped. */
  private heads(x: tf.Tensor2D, count: number, batch: number, norm?: RmsNorm): tf.Tensor4D {
    const { headDim, qkNorm, clip } = this.config;
    const shape: [number, number, number, number] = [batch, x.shape[0] / batch, count, headDim];
    const split: tf.Tensor4D = norm && qkNorm === "full" ? tf.reshape(norm.forward(x), shape) : tf.reshape(x, shape);
    const normed = norm && qkNorm === "per-head" ? norm.forward(split) : split;
    return clip === undefined ? normed : tf.clipByValue(normed, -clip, clip);
  }
}
