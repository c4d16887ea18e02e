import * as tf from "@tensorflow/tfjs";
import { constantVariable, type FeedForward } from "@moekit/core";

/** A bias that is added once to what the experts give (JetMoE). */
export class OutputBias implements FeedForward {
  /** `[D]` */
  readonly bias: tf.Variable;

  constructor(hiddenSize: number) {
    this.bias = constantVariable([hiddenSize], 0);
  }

  forward(x_TD: tf.Tensor2D): tf.Tensor2D {
    return tf.broadcastTo(this.bias, x_TD.shape);
  }
}
