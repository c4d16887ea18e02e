import { ConfigError, UnknownNameError, type BalancingTerm, type MethodFacts } from "@moekit/core";
import type { LossOptions } from "./coefficient.js";
import { deviceLoss, deviceLossFacts } from "./device-loss.js";
import { entropyLoss, entropyLossFacts } from "./entropy-loss.js";
import { bufferedGlobalBatchLoss, bufferedGlobalBatchLossFacts, globalBatchLoss, globalBatchLossFacts } from "./global-batch-loss.js";
import { huggingFaceAuxLoss, huggingFaceAuxLossFacts } from "./hugging-face-aux-loss.js";
import { importanceLoss, importanceLossFacts } from "./importance-loss.js";
import { loadLoss, loadLossFacts } from "./load-loss.js";
import { lossFreeBiasFacts } from "./loss-free-bias.js";
import { sequenceLoss, sequenceLossFacts } from "./sequence-loss.js";
import { switchLoss, switchLossFacts } from "./switch-loss.js";
import { zLoss, zLossFacts } from "./z-loss.js";

/**
 * A balancing loss: its facts, and how to make its term from plain settings.
 * @example const method: LossMethod = lossByName("switchLoss");
 */
export interface LossMethod {
  readonly facts: MethodFacts;
  /** @throws ConfigError if a setting is not among the parameters of the facts, or one without a default is missing. */
  create(settings?: LossSettings): BalancingTerm;
}

/**
 * The coefficient and, by name, the other parameters of a loss's facts.
 * @example const settings: LossSettings = { coefficient: 0.01, fNorm: "tokens" };
 */
export type LossSettings = LossOptions & Readonly<Record<string, unknown>>;

const methods = [
  method(switchLossFacts, switchLoss),
  method(importanceLossFacts, importanceLoss),
  method(loadLossFacts, loadLoss),
  method(zLossFacts, zLoss),
  method(sequenceLossFacts, sequenceLoss),
  method(deviceLossFacts, deviceLoss),
  method(globalBatchLossFacts, globalBatchLoss),
  method(bufferedGlobalBatchLossFacts, bufferedGlobalBatchLoss),
  method(huggingFaceAuxLossFacts, huggingFaceAuxLoss),
  method(entropyLossFacts, entropyLoss),
];

/**
 * The facts of all balancing methods for documentation: the losses, and the controller `LossFreeBias`.
 * @example balancingMethods.map(({ id, title }) => `${id}: ${title}`);
 */
export const balancingMethods: readonly MethodFacts[] = [...methods.map(({ facts }) => facts), lossFreeBiasFacts];

/**
 * The names that {@link lossByName} knows.
 * @example lossNames.includes("switchLoss"); // true
 */
export const lossNames: readonly string[] = methods.map(({ facts }) => facts.id);

/**
 * A balancing loss by the id in its facts.
 * @throws UnknownNameError listing the known names.
 * @example const term = lossByName("switchLoss").create({ coefficient: 0.01, fNorm: "tokens" });
 */
export function lossByName(name: string): LossMethod {
  const found = methods.find(({ facts }) => facts.id === name);
  if (!found) throw new UnknownNameError({ in: "lossByName", name, known: lossNames });
  return found;
}

function method<O extends LossOptions>(facts: MethodFacts, factory: (options: O) => BalancingTerm): LossMethod {
  const create = (settings: LossSettings = {}): BalancingTerm => {
    checkSettings(facts, settings);
    return factory(settings as O);
  };
  return { facts, create };
}

function checkSettings({ id, parameters }: MethodFacts, settings: LossSettings): void {
  const unknown = Object.keys(settings).find((name) => !Object.hasOwn(parameters, name));
  if (unknown !== undefined) throw new ConfigError(`lossByName("${id}"): ${unknown} is not one of its settings, which are ${Object.keys(parameters).join(", ")}.`);
  const missing = Object.keys(parameters).find((name) => parameters[name]!.default === "none" && settings[name] === undefined);
  if (missing !== undefined) throw new ConfigError(`lossByName("${id}"): ${missing} must be given (${parameters[missing]!.range}); got nothing.`);
}
