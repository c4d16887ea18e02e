import * as tf from "@tensorflow/tfjs";
import type { ParameterMap } from "@moekit/core";

/** State of the shape of each parameter, e.g. first moments: `<slot>.<path>` to variable. */
export class Slots {
  private readonly variables: Record<string, tf.Variable> = {};

  /** Makes zeros of every parameter's shape. */
  add(slot: string, parameters: ParameterMap): void {
    for (const [path, { shape }] of Object.entries(parameters)) this.variables[`${slot}.${path}`] = tf.tidy(() => tf.variable(tf.zeros(shape), false));
  }

  get(slot: string, path: string): tf.Variable {
    return this.variables[`${slot}.${path}`]!;
  }

  all(): Record<string, tf.Variable> {
    return { ...this.variables };
  }

  dispose(): void {
    for (const [name, variable] of Object.entries(this.variables)) {
      variable.dispose();
      delete this.variables[name];
    }
  }
}
