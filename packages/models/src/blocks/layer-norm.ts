/** T rows, D the normed width. */
import * as tf from "@tensorflow/tfjs";
import { constantVariable } from "@moekit/core";

/** `(x - mean) / sqrt(variance + eps) * weight + bias` over the last axis; the weight starts at 1, the bias at 0. */
export class LayerNorm {
  readonly weight: tf.Variable;
  readonly bias: tf.Variable;

  constructor(
    size: number,
    private readonly eps: number,
  ) {
    this.weight = constantVariable([size], 1);
    this.bias = constantVariable([size], 0);
  }

  forward<R extends tf.Tensor>(x: R): R {
    return tf.tidy(() => {
      const centred = tf.sub(x, tf.mean(x, -1, true));
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), this.eps));
      return tf.add(tf.mul(tf.mul(centred, scale), this.weight), this.bias) as R;
    });
  }
}
