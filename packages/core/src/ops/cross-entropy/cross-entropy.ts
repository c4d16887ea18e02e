import * as tf from "@tensorflow/tfjs";
import type { Tensor, Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { checkTensor } from "../check.js";

/** The op behind {@link crossEntropy}. @example crossEntropyOp.spec.name; // "MoekitCrossEntropy" */
export const crossEntropyOp = defineOp<{ logits: Tensor2D; targets: Tensor1D }>({
  name: "MoekitCrossEntropy",
  reference: ({ logits, targets }) => {
    if (logits.size === 0) return tf.zeros([logits.shape[0]]);
    return tf.mul(tf.sub(tf.logSumExp(logits, 1), targetLogits(logits, targets)), counted(targets));
  },
  gradient: ([dy], { inputs: { logits, targets } }) => ({ logits: () => crossEntropyGradOp.run({ logits, targets, dy: dy as Tensor1D }, {})[0]! }),
});

/**
 * Gradient of {@link crossEntropy}: `dlogits = dy (softmax(logits) - onehot(target))`, 0 in ignored rows. No gradient.
 * @example crossEntropyGradOp.spec.name; // "MoekitCrossEntropyGrad"
 */
export const crossEntropyGradOp = defineOp<{ logits: Tensor2D; targets: Tensor1D; dy: Tensor1D }>({
  name: "MoekitCrossEntropyGrad",
  reference: ({ logits, targets, dy }) => {
    if (logits.size === 0) return tf.zeros(logits.shape);
    const isTarget_TV = tf.equal(tf.expandDims(targets, 1), tf.range(0, logits.shape[1], 1, "int32"));
    const weight_T1 = tf.expandDims(tf.mul(dy, counted(targets)), 1);
    return tf.mul(tf.sub(tf.softmax(logits), tf.cast(isTarget_TV, "float32")), weight_T1);
  },
});

/**
 * Negative log-likelihood of the target by row: `log(sum exp(logits)) - logits[target]`, in nats.
 *
 * @param logits - `[T, V]` float32.
 * @param targets - `[T]` int32 from 0 to V - 1; -1 is ignored (loss and gradient 0).
 * @returns `[T]`.
 * @throws ShapeError if the shapes do not fit together.
 * @example crossEntropy(tf.zeros([1, 4]), tf.tensor1d([2], "int32")).print(); // [ln 4 = 1.3862944]
 */
export function crossEntropy(logits: Tensor2D, targets: Tensor1D): Tensor1D {
  checkTensor(logits, { in: "crossEntropy", name: "logits", shape: [null, null], axes: "[T, V]" });
  checkTensor(targets, { in: "crossEntropy", name: "targets", shape: [logits.shape[0]], axes: "[T]", dtype: "int32" });
  return crossEntropyOp.run({ logits, targets }, {})[0] as Tensor1D;
}

const counted = (targets: Tensor1D): Tensor => tf.cast(tf.greaterEqual(targets, tf.scalar(0, "int32")), "float32");

/** `[T]`: the logit of each target; that of class 0 in ignored rows. */
function targetLogits(logits: Tensor2D, targets: Tensor1D): Tensor {
  const [rows, classes] = logits.shape;
  const starts = tf.range(0, rows * classes, classes, "int32");
  return tf.gather(tf.reshape(logits, [-1]), tf.add(starts, tf.maximum(targets, tf.scalar(0, "int32"))));
}
