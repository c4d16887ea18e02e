import * as tf from "@tensorflow/tfjs";
import { ConfigError, randomUniform, type RouteContext } from "@moekit/core";

/**
 * `x * u` in training, with u uniform in `[1 - eps, 1 + eps)`, a function of (`context.seed`, `context.layer`); else `x`.
 *
 * @throws ConfigError in training without `context.seed`.
 * @source Fedus et al. 2021, arXiv:2101.03961, section 2.4. Differs as Mixtral in transformers does: the experts see it too.
 */
export function jitter(x_TD: tf.Tensor2D, eps: number, { training, seed, layer = 0 }: RouteContext): tf.Tensor2D {
  if (eps === 0 || !training) return x_TD;
  if (seed === undefined) throw new ConfigError("jitter: this model multiplies the input of its experts by noise, which is a function of (seed, layer): context.seed must be given in training; got none.");
  return tf.mul(x_TD, tf.tensor2d(randomUniform(x_TD.size, { seed, stream: `inputJitter.${layer}` }, 1 - eps, 1 + eps), x_TD.shape));
}
