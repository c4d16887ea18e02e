import { ConfigError, type LayerRouting, type LossTerm, type RoutingTrace } from "@moekit/core";
import type { Scalar } from "@tensorflow/tfjs";

/**
 * The weight of a loss: one number; one for each MoE layer, in the order of the trace; or a function of model layer and
 * optimiser step (from 0), for schedules.
 * @example const warmUp: Coefficient = ({ step }) => 0.01 * Math.min(1, step / 1000);
 */
export type Coefficient = number | readonly number[] | ((at: { readonly layer: number; readonly step: number }) => number);

/**
 * What all balancing losses take.
 * @example const options: LossOptions = { coefficient: 0.01 };
 */
export interface LossOptions {
  /** The trainer adds `coefficient * value` for each layer. */
  readonly coefficient?: Coefficient;
}

/** One term for each layer of the trace. */
export function termPerLayer(name: string, coefficient: Coefficient, trace: RoutingTrace, value: (entry: LayerRouting) => Scalar): LossTerm[] {
  if (Array.isArray(coefficient) && coefficient.length !== trace.length) {
    throw new ConfigError(`${name}: coefficient must have one number for each of the ${trace.length} MoE layers; got ${coefficient.length}.`);
  }
  return trace.map((entry, index) => ({ name, layer: entry.layer, value: value(entry), coefficient: coefficientAt(coefficient, index, entry) }));
}

/** The coefficient of the `index`-th entry of a trace. */
export function coefficientAt(coefficient: Coefficient, index: number, { layer, context }: LayerRouting): number {
  if (typeof coefficient === "number") return coefficient;
  if (typeof coefficient === "function") return coefficient({ layer, step: context.step ?? 0 });
  return coefficient[index]!;
}
