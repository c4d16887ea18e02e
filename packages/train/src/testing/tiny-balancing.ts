import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor, Tensor1D } from "@tensorflow/tfjs";
import type { BalancingScope, BalancingTerm, LayerCounts, LoadController, RoutingTrace } from "@moekit/core";
import { expertCounts } from "../load.js";
import type { TinyModel } from "./tiny-model.js";

/** `E sum_i f_i P_i` with the counts of the scope; coefficient by layer. */
export function tinyBalance(scope: BalancingScope, coefficients: readonly number[]): BalancingTerm {
  return {
    id: "tiny-balance",
    scope,
    loss: (trace: RoutingTrace) =>
      trace.map((entry) => {
        const counts_E: Tensor1D = entry.globalCounts ?? expertCounts(entry);
        const f_E = tf.div(counts_E, tf.sum(counts_E));
        const value = tf.mul(tf.sum(tf.mul(f_E, tf.mean(entry.routing.probs, 0))), entry.routing.numExperts) as Scalar;
        return { name: "tiny-balance", layer: entry.layer, value, coefficient: coefficients[entry.layer]! };
      }),
  };
}

/** Loss-free bias with the sign rule, and a record of its calls. */
export class TinyController implements LoadController {
  readonly id = "tiny-bias";
  readonly calls: LayerCounts[][] = [];
  constructor(
    private readonly model: TinyModel,
    private readonly speed = 0.01,
  ) {}

  afterStep(counts: readonly LayerCounts[]): void {
    this.calls.push(counts.map(({ layer, counts: c }) => ({ layer, counts: c.slice() })));
    for (const { layer, counts: c } of counts) {
      const bias = this.model.layers[layer]!.router.expertBias;
      tf.tidy(() => bias.assign(tf.add(bias, tf.mul(tf.sign(tf.sub(tf.mean(c), c)), this.speed))));
    }
  }

  state(): Record<string, Tensor> {
    return Object.fromEntries(this.model.layers.map(({ router }, i) => [`${i}.bias`, router.expertBias]));
  }
}
