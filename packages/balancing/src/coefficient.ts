import { ConfigError, type BalancingTerm, type LayerRouting, type LossTerm, type RouterPlace, type RoutingTrace } from "@moekit/core";
import * as tf from "@tensorflow/tfjs";
import type { Scalar } from "@tensorflow/tfjs";
import { checkWeight } from "./internal/check.js";

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

/** What {@link lossPerLayer} takes: how one layer's value is computed, besides what a term states about itself. */
interface LossOfLayer extends Pick<BalancingTerm, "id" | "scope"> {
  readonly coefficient: Coefficient;
  readonly value: (entry: LayerRouting) => Scalar;
}

/** A loss that has one term for each layer of the trace. */
export function lossPerLayer({ id, scope, coefficient, value }: LossOfLayer): BalancingTerm {
  checkCoefficient(id, coefficient);
  const loss = (trace: RoutingTrace): LossTerm[] => {
    if (Array.isArray(coefficient) && coefficient.length !== trace.length) {
      throw new ConfigError(`${id}: coefficient must have one number for each of the ${trace.length} MoE layers; got ${coefficient.length}.`);
    }
    return trace.map((entry, index) => ({ name: id, ...placeOf(entry), value: isEmpty(entry) ? tf.scalar(0) : value(entry), coefficient: coefficientAt(id, coefficient, index, entry) }));
  };
  return { id, scope, loss };
}

function placeOf({ layer, part }: LayerRouting): RouterPlace {
  return part === undefined ? { layer } : { layer, part };
}

/** True for a batch without tokens: 0 by definition, and the wasm backend sums nothing to whatever is in memory. */
export const isEmpty = ({ routing }: LayerRouting): boolean => routing.logits.shape[0] === 0;

/** The coefficient of the `index`-th entry of a trace. */
export function coefficientAt(where: string, coefficient: Coefficient, index: number, { layer, context }: LayerRouting): number {
  if (typeof coefficient === "number") return coefficient;
  if (typeof coefficient !== "function") return coefficient[index]!;
  const result = coefficient({ layer, step: context.step ?? 0 });
  checkWeight(where, `coefficient of layer ${layer}`, result);
  return result;
}

/** Throws a ConfigError unless all numbers in it are finite and at least 0. What a function returns is checked where it is used. */
export function checkCoefficient(where: string, coefficient: Coefficient): void {
  if (typeof coefficient === "function") return;
  for (const number of Array.isArray(coefficient) ? coefficient : [coefficient]) checkWeight(where, "coefficient", number);
}
