import * as tf from "@tensorflow/tfjs";
import type { Scalar, Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { ConfigError, matmul2d, tidy, type BalancingTerm, type LayerRouting, type MethodFacts } from "@moekit/core";
import { lossPerLayer, type LossOptions } from "./coefficient.js";
import { choiceCounts, dot, meanOverTokens, shares } from "./internal/load.js";

/** The facts of {@link deviceLoss}. */
export const deviceLossFacts: MethodFacts = {
  id: "deviceLoss",
  title: "Device-level load-balancing loss",
  source: "DeepSeekMoE, arXiv:2401.06066, eq. 15-17",
  summary: "Evens out the load of groups of experts, one group a device, and leaves single experts free.",
  formula: "sum_g f'_g * P'_g; f'_g = mean over experts i of group g of E * share of i, P'_g = sum over them of mean_t P[t, i]",
  parameters: {
    coefficient: { default: 0.05, range: "0 or more", meaning: "Weight of the loss; 0.05 in the 145B model." },
    groups: { default: "none", range: "lists of expert ids", meaning: "The experts of each device: every expert in exactly one group." },
  },
};

/**
 * Settings of {@link deviceLoss}.
 * @example const options: DeviceLossOptions = { groups: [[0, 1], [2, 3]] };
 */
export interface DeviceLossOptions extends LossOptions {
  /** The experts of each device: every expert in exactly one group. */
  readonly groups: readonly (readonly number[])[];
}

/**
 * The device-level loss of DeepSeekMoE for each layer.
 *
 * `sum_g f'_g * P'_g`, `f'_g` = mean of `E * f_i` over the experts of group g (`f_i` = share of the choices, no gradient),
 * `P'_g` = sum of their mean probabilities. 1 at perfect balance; one expert a group gives {@link switchLoss}. Shared
 * experts are not routed and belong to no group. Default coefficient 0.05.
 *
 * @throws ConfigError if groups are not lists; and, when the loss is computed, if an expert is in no group or in two.
 * @source DeepSeekMoE, arXiv:2401.06066, eq. 15-17.
 * @example const terms = deviceLoss({ groups: [[0, 1], [2, 3]], coefficient: 0.05 }).loss(trace);
 */
export function deviceLoss({ coefficient = 0.05, groups }: DeviceLossOptions): BalancingTerm {
  checkLists(groups);
  const value = (entry: LayerRouting): Scalar => {
    const { numExperts, probs } = entry.routing;
    checkGroups(groups, numExperts);
    return tidy(() => {
      const f_E = tf.mul(shares(choiceCounts(entry)), numExperts) as Tensor1D;
      const meanProbs_E = meanOverTokens<Tensor1D>(probs, entry);
      const sizes = tf.tensor1d(groups.map((group) => group.length));
      const f_G = tf.div(sumByGroup(f_E, groups), sizes);
      return dot(f_G, sumByGroup(meanProbs_E, groups));
    });
  };
  return lossPerLayer({ id: "deviceLoss", scope: "micro-batch", coefficient, value });
}

/** `[G]` */
function sumByGroup(x_E: Tensor1D, groups: DeviceLossOptions["groups"]): Tensor1D {
  const members_EG = tf.tensor2d(Array.from({ length: x_E.size }, (_, expert) => groups.map((group) => Number(group.includes(expert)))), [x_E.size, groups.length]);
  return tf.reshape(matmul2d(tf.reshape(x_E, [1, -1]) as Tensor2D, members_EG), [-1]);
}

function checkLists(groups: unknown): void {
  if (!Array.isArray(groups) || !groups.every(Array.isArray)) throw new ConfigError(`deviceLoss: groups must be lists of expert ids, such as [[0, 1], [2, 3]]; got ${JSON.stringify(groups)}.`);
}

function checkGroups(groups: DeviceLossOptions["groups"], numExperts: number): void {
  const listed = groups.flat().sort((a, b) => a - b);
  const isPartition = groups.every((group) => group.length > 0) && listed.length === numExperts && listed.every((expert, index) => expert === index);
  if (!isPartition) throw new ConfigError(`deviceLoss: groups must hold each of the experts 0 to ${numExperts - 1} once and have no empty group; got ${JSON.stringify(groups)}.`);
}
