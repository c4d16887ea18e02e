import * as tf from "@tensorflow/tfjs";
import type { Tensor2D, Tensor3D } from "@tensorflow/tfjs";
import type { ForwardOptions, LanguageModel, RoutingTrace } from "@moekit/core";
import type { Batch, BatchSource } from "@moekit/data";

/** Two experts, top-1, decided by the token alone: id 0 goes to expert 0 with probabilities (0.9, 0.1), id 1 to expert 1 with (0.1, 0.9). */
export class FixedRouting implements LanguageModel {
  readonly table = tf.variable(tf.zeros([2, 2]));

  forward(ids: Tensor2D, { context = {} }: ForwardOptions = {}): { logits: Tensor3D; trace: RoutingTrace } {
    const [batch, length] = ids.shape;
    const expertIds = tf.reshape(ids, [-1, 1]) as Tensor2D;
    const isOne = tf.cast(expertIds, "float32");
    const probs = tf.concat([tf.sub(0.9, tf.mul(isOne, 0.8)), tf.add(0.1, tf.mul(isOne, 0.8))], 1) as Tensor2D;
    const logits = tf.reshape(tf.add(tf.zeros([batch * length, 2]), tf.sum(this.table, 0)), [batch, length, 2]) as Tensor3D;
    return { logits, trace: [{ layer: 0, context, routing: { kind: "token-choice", numExperts: 2, logits: tf.log(probs) as Tensor2D, probs, expertIds, gates: tf.onesLike(isOne) as Tensor2D } }] };
  }
}

/** Batches of one token a sequence: `[0, 0, 0]`, then `[1, 1, 1, 1, 1]`, and so on. */
export class AlternatingTokens implements BatchSource {
  private id = 1;
  constructor(private readonly sizes: readonly [number, number]) {}

  next(): Batch {
    this.id = 1 - this.id;
    const ids = () => new Int32Array(this.sizes[this.id]!).fill(this.id);
    return { inputIds: ids(), targetIds: ids(), domainIds: ids(), batchSize: this.sizes[this.id]!, sequenceLength: 1 };
  }

  state = () => ({});
  restore = () => {};
}
