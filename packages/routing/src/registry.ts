import { ConfigError, UnknownNameError, type MethodFacts, type Router } from "@moekit/core";
import { BiasedTopKRouter, biasedTopKFacts } from "./biased-top-k-router.js";
import { ExpertChoiceRouter, expertChoiceFacts } from "./expert-choice-router.js";
import { GATE_OPTIONS, type GateOptions } from "./gate.js";
import { GroupLimitedRouter, groupLimitedFacts } from "./group-limited-router.js";
import { inputJitterFacts } from "./jittered-router.js";
import { NoisyTopKRouter, noisyTopKFacts } from "./noisy-top-k-router.js";
import { SigmoidRouter, sigmoidFacts } from "./sigmoid-router.js";
import { SigmoidTopKRouter, sigmoidTopKFacts } from "./sigmoid-top-k-router.js";
import { SparseMixerRouter, sparseMixerFacts } from "./sparse-mixer-router.js";
import { TopKRouter, topKFacts } from "./top-k-router.js";
import { TopPRouter, topPFacts } from "./top-p-router.js";

/**
 * A routing method: its facts, and how to make its router from plain settings.
 * @example const method: RoutingMethod = routerByName("topK");
 */
export interface RoutingMethod {
  readonly facts: MethodFacts;
  /**
   * @param settings - The gate's options and the parameters of the facts.
   * @throws ConfigError if a setting is unknown or has the wrong type or range.
   */
  create(settings: RouterSettings): Router;
}

/**
 * The gate's options and, by name, the parameters of a method's facts.
 * @example const settings: RouterSettings = { dim: 64, numExperts: 8, seed: 1, topK: 2, renormalise: true };
 */
export type RouterSettings = GateOptions & Readonly<Record<string, unknown>>;

const methods = [
  method(topKFacts, TopKRouter),
  method(sigmoidFacts, SigmoidRouter),
  method(biasedTopKFacts, BiasedTopKRouter),
  method(groupLimitedFacts, GroupLimitedRouter),
  method(sigmoidTopKFacts, SigmoidTopKRouter),
  method(sparseMixerFacts, SparseMixerRouter),
  method(noisyTopKFacts, NoisyTopKRouter),
  method(expertChoiceFacts, ExpertChoiceRouter),
  method(topPFacts, TopPRouter),
];

/**
 * The facts of all routing methods, for documentation: the routers and what wraps them.
 * @example routingMethods.map(({ id, title }) => `${id}: ${title}`);
 */
export const routingMethods: readonly MethodFacts[] = [...methods.map(({ facts }) => facts), inputJitterFacts];

/**
 * The names that {@link routerByName} knows.
 * @example routerNames.includes("topK"); // true
 */
export const routerNames: readonly string[] = methods.map(({ facts }) => facts.id);

/**
 * A routing method by the id in its facts.
 * @throws UnknownNameError listing the known names.
 * @example const router = routerByName("topK").create({ dim: 64, numExperts: 8, topK: 2, seed: 1 });
 */
export function routerByName(name: string): RoutingMethod {
  const found = methods.find(({ facts }) => facts.id === name);
  if (!found) throw new UnknownNameError({ in: "routerByName", name, known: routerNames });
  return found;
}

function method<O extends GateOptions>(facts: MethodFacts, RouterClass: new (options: O) => Router): RoutingMethod {
  const create = (settings: RouterSettings): Router => {
    checkSettings(facts, settings);
    return new RouterClass(settings as O);
  };
  return { facts, create };
}

function checkSettings({ id, parameters }: MethodFacts, settings: RouterSettings): void {
  for (const [name, value] of Object.entries(settings)) {
    if (GATE_OPTIONS.includes(name) || value === undefined) continue;
    const known = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (!known) throw new ConfigError(`routerByName("${id}"): ${name} is not one of its settings, which are ${Object.keys(parameters).join(", ")} and those of the gate.`);
    // A default in words ("numGroups") is worked out by the router, which then checks the value too.
    if (typeof known.default !== "string" && typeof value !== typeof known.default) throw new ConfigError(`routerByName("${id}"): ${name} must be a ${typeof known.default} (${known.range}); got ${JSON.stringify(value)}.`);
  }
}
