/** B sequences of S tokens, T = B S, L keys, D model width, H heads, d head width. */
import * as tf from "@tensorflow/tfjs";
import { Linear } from "../blocks/linear.js";
import type { ModelInit } from "../blocks/model-init.js";
import type { KeysAndValues } from "../generation/key-value-cache.js";
import type { EncoderDecoderConfig } from "./config.js";

/** Attention of T5: `softmax(q k^T + bias) v`, without a scale and without biases of projections. */
export class BiasedAttention {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;

  constructor(
    private readonly config: Pick<EncoderDecoderConfig, "hiddenSize" | "numHeads" | "headDim">,
    stream: string,
    { seed, std, residualStd, packed }: ModelInit,
  ) {
    const { hiddenSize, numHeads, headDim } = config;
    const width = numHeads * headDim;
    const init = (name: string, ownStd = std) => ({ init: { seed, stream: `${stream}.${name}`, std: ownStd, packed } });
    this.query = new Linear(hiddenSize, width, init("query"));
    this.key = new Linear(hiddenSize, width, init("key"));
    this.value = new Linear(hiddenSize, width, init("value"));
    this.output = new Linear(width, hiddenSize, init("output", residualStd));
  }

  /** Each `[B, L, H, d]`. */
  keysAndValues(x_TD: tf.Tensor2D, batch: number): KeysAndValues {
    return { key: this.heads(this.key, x_TD, batch), value: this.heads(this.value, x_TD, batch) };
  }

  /** @param bias - `[1, H, S, L]`, added to the scores. */
  forward(x_TD: tf.Tensor2D, batch: number, { key, value }: KeysAndValues, bias?: tf.Tensor4D): tf.Tensor2D {
    const byHead = (x_BLHd: tf.Tensor4D) => tf.transpose(x_BLHd, [0, 2, 1, 3]);
    const scores_BHSL = tf.matMul(byHead(this.heads(this.query, x_TD, batch)), byHead(key), false, true);
    const probs_BHSL = tf.softmax(bias ? tf.add(scores_BHSL, bias) : scores_BHSL);
    const y_BHSd: tf.Tensor4D = tf.matMul(probs_BHSL, byHead(value));
    return this.output.forward(tf.reshape(byHead(y_BHSd), [x_TD.shape[0], -1]));
  }

  private heads(projection: Linear, x_TD: tf.Tensor2D, batch: number): tf.Tensor4D {
    return tf.reshape(projection.forward(x_TD), [batch, -1, this.config.numHeads, this.config.headDim]);
  }
}
