/** B sequences of S tokens, T = B S, E experts. */
import * as tf from "@tensorflow/tfjs";
import { stopGradient, tidy, type TokenChoice } from "@moekit/core";
import { oneHotExperts } from "./one-hot.js";

/**
 * Drops a token if as many tokens of its sequence as the capacity chose the same expert before it: its id becomes -1 and
 * its gate 0.
 *
 * @param choice - One expert for each token.
 * @param taken_BE - Choices of earlier tokens of the sequences; left out where there are none.
 * @returns The routing, and the choices by now, `[B, E]`, those of dropped tokens included.
 * @source Switch Transformers in transformers 5.18: a running count within each sequence.
 */
export function limitBySequence(choice: TokenChoice, batch: number, capacity: number, taken_BE?: tf.Tensor2D): { routing: TokenChoice; taken: tf.Tensor2D } {
  return tidy(() => {
    const { numExperts } = choice;
    const chosen_T1 = stopGradient(choice.expertIds);
    const before_B1E = tf.reshape(taken_BE ?? tf.zeros([batch, numExperts]), [batch, 1, numExperts]);
    const isChosen_BSE = tf.reshape(oneHotExperts(tf.reshape(chosen_T1, [-1]), numExperts), [batch, -1, numExperts]);
    const count_BSE = tf.add(tf.cumsum(isChosen_BSE, 1), before_B1E);
    const isKept_T1 = tf.reshape(tf.lessEqual(tf.sum(tf.mul(count_BSE, isChosen_BSE), 2), capacity), chosen_T1.shape);
    const kept_T1 = tf.cast(isKept_T1, "float32");
    const expertIds = tf.where(isKept_T1, chosen_T1, tf.fill(chosen_T1.shape, -1, "int32"));
    const routing = { ...choice, expertIds, gates: tf.mul(choice.gates, kept_T1) as tf.Tensor2D, dropped: tf.sub(1, kept_T1) as tf.Tensor2D, chosenIds: chosen_T1 };
    return { routing, taken: tf.reshape(tf.add(tf.sum(isChosen_BSE, 1, true), before_B1E), [batch, numExperts]) };
  });
}
