import * as tf from "@tensorflow/tfjs";
import type { Snapshot } from "../checkpoint/snapshot.js";

/** A snapshot whose every number is its step, so that a mixture of two would show. */
export function loopSnapshot(step: number): Snapshot {
  const variables = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, tf.tidy(() => tf.variable(tf.fill([200, 100], step)))]));
  return {
    trainer: { format: 1, step, seed: 0, optimizer: "adamw", data: { position: step } },
    model: variables(["a", "b", "c"]),
    optimizer: variables(["m.a", "v.a"]),
    controllers: variables(["0.bias"]),
  };
}
