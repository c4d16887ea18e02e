import * as tf from "@tensorflow/tfjs";
import type { TensorflowKernels } from "../kernel.js";

/** The gradient of the loss; its value is fastest by the reference (TensorFlow's fused op computes the gradient with it each time). */
export const crossEntropyKernels: TensorflowKernels = {
  /** `dlogits = dy (softmax(logits) - onehot(target))`, one-hot rows being a subtraction in one cell. */
  MoekitCrossEntropyGrad: (ops, { logits, targets, dy }) => {
    const T = logits!.shape[0]!;
    if (logits!.size === 0) return [tf.zeros(logits!.shape)];
    const zero = tf.scalar(0, "int32");
    const weight_T = tf.mul(dy!, tf.cast(tf.greaterEqual(targets!, zero), "float32"));
    const cells_T2 = tf.stack([tf.range(0, T, 1, "int32"), tf.maximum(targets!, zero)], 1);
    return [ops.scatterSub(tf.mul(tf.softmax(logits!), tf.reshape(weight_T, [T, 1])), cells_T2, weight_T)];
  },
};
