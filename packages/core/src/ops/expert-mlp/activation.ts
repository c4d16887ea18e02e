import * as tf from "@tensorflow/tfjs";

/**
 * A function between the two matrices of an expert: `silu(x) = x sigmoid(x)`, `gelu(x) = x Phi(x)` (exact), `relu`.
 * @example const activation: Activation = "silu";
 */
export type Activation = "silu" | "gelu" | "relu";

interface ActivationFunctions {
  readonly value: (x: tf.Tensor) => tf.Tensor;
  readonly derivative: (x: tf.Tensor) => tf.Tensor;
}

/** Phi(x), the share of a normal distribution below x. */
const phi = (x: tf.Tensor) => tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
const density = (x: tf.Tensor) => tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));

/** The activations by name, with derivatives written out. */
export const activations: Readonly<Record<Activation, ActivationFunctions>> = {
  silu: {
    value: (x) => tf.mul(x, tf.sigmoid(x)),
    derivative: (x) => {
      const s = tf.sigmoid(x);
      return tf.mul(s, tf.add(tf.mul(x, tf.sub(1, s)), 1));
    },
  },
  gelu: {
    value: (x) => tf.mul(x, phi(x)),
    derivative: (x) => tf.add(phi(x), tf.mul(x, density(x))),
  },
  relu: { value: (x) => tf.relu(x), derivative: (x) => tf.step(x) },
};
