/** B sequences of S tokens, T = B S, D model width, H heads, d head width, n tokens of a block. */
import * as tf from "@tensorflow/tfjs";
import type { LinearAttentionConfig } from "../config/attention-config.js";
import type { Attention, AttentionInput, AttentionSizes } from "./attention.js";
import { Decay } from "./decay.js";
import { Linear } from "./linear.js";
import type { ModelInit } from "./model-init.js";
import { RmsNorm } from "./rms-norm.js";

/** Queries, keys and values, each `[B, H, S, d]`. */
interface Heads {
  readonly q: tf.Tensor4D;
  readonly k: tf.Tensor4D;
  readonly v: tf.Tensor4D;
}

/** transformers gives this norm its default, whatever the config says of the others. */
const NORM_EPS = 1e-6;

/**
 * Lightning attention: no softmax, but a state `M_t = exp(-slope) M_(t-1) + k_t^T v_t` for each head, and `y_t = q_t M_t`;
 * then `output(sigmoid(gate x) * norm(y))`. Queries, keys and values pass a SiLU.
 *
 * Computed block by block: products of queries and keys within a block, the state for all that came before it. One token
 * with a cache is a block of one, which is the recurrent form.
 */
export class LinearAttention implements Attention {
  /** `[H 3 d, D]`: for each head its query, key and value. */
  readonly queryKeyValue: Linear;
  readonly gate: Linear;
  readonly norm: RmsNorm;
  readonly output: Linear;
  readonly decay: Decay;

  constructor(
    private readonly config: LinearAttentionConfig,
    { hiddenSize }: Pick<AttentionSizes, "hiddenSize">,
    stream: string,
    { seed, std, residualStd, packed }: ModelInit,
  ) {
    const { numHeads, headDim, slopes, blockSize } = config;
    const width = numHeads * headDim;
    const init = (name: string, ownStd = std) => ({ init: { seed, stream: `${stream}.${name}`, std: ownStd, packed } });
    this.queryKeyValue = new Linear(hiddenSize, 3 * width, init("queryKeyValue"));
    this.gate = new Linear(hiddenSize, width, init("gate"));
    this.norm = new RmsNorm(width, NORM_EPS);
    this.output = new Linear(width, hiddenSize, init("output", residualStd));
    this.decay = new Decay(slopes, blockSize);
  }

  forward(x_TD: tf.Tensor2D, { layer, batch, cache }: AttentionInput): { y: tf.Tensor2D } {
    const { numHeads, headDim } = this.config;
    const { y_BHSd, state } = this.mix(this.heads(x_TD, batch), cache?.state(layer) ?? tf.zeros([batch, numHeads, headDim, headDim]));
    cache?.keepState(layer, state);
    const y_TN: tf.Tensor2D = tf.reshape(tf.transpose(y_BHSd, [0, 2, 1, 3]), [x_TD.shape[0], numHeads * headDim]);
    const gate_TN = tf.sigmoid(this.gate.forward(x_TD));
    return { y: this.output.forward(tf.mul(gate_TN, this.norm.forward(y_TN))) };
  }

  private heads(x_TD: tf.Tensor2D, batch: number): Heads {
    const { numHeads, headDim } = this.config;
    const mixed = this.queryKeyValue.forward(x_TD);
    const split = tf.reshape(tf.mul(mixed, tf.sigmoid(mixed)), [batch, x_TD.shape[0] / batch, numHeads, 3 * headDim]);
    const [q, k, v] = tf.split(tf.transpose(split, [0, 2, 1, 3]), 3, 3) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
    return { q, k, v };
  }

  private mix(all: Heads, past: tf.Tensor4D): { y_BHSd: tf.Tensor4D; state: tf.Tensor4D } {
    const length = all.q.shape[2];
    const pieces: tf.Tensor4D[] = [];
    let state = past;
    for (let start = 0; start < length; start += this.config.blockSize) {
      const n = Math.min(this.config.blockSize, length - start);
      const block = (x: tf.Tensor4D) => tf.slice(x, [0, 0, start, 0], [-1, -1, n, -1]);
      const next = this.mixBlock({ q: block(all.q), k: block(all.k), v: block(all.v) }, state, n);
      pieces.push(next.y);
      state = next.state;
    }
    return { y_BHSd: tf.concat(pieces, 2), state };
  }

  private mixBlock({ q, k, v }: Heads, past: tf.Tensor4D, n: number): { y: tf.Tensor4D; state: tf.Tensor4D } {
    const scores_BHnn = tf.mul(tf.matMul(q, k, false, true), this.decay.within(n));
    const before: tf.Tensor4D = tf.matMul(tf.mul(q, this.decay.ofQueries(n)), past);
    const added = tf.matMul(tf.mul(k, this.decay.ofKeys(n)), v, true);
    return { y: tf.add(before, tf.matMul(scores_BHnn, v)), state: tf.add(tf.mul(past, this.decay.across(n)), added) };
  }
}
