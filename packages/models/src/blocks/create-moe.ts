import { MoeLayer, StackedExperts, type Router } from "@moekit/core";
import { routerByName } from "@moekit/routing";
import type { MoeConfig } from "../config/model-config.js";
import type { ModelInit } from "./model-init.js";

/** An MoE layer with SwiGLU experts and the router that the config names. */
export function createMoe(config: MoeConfig, hiddenSize: number, stream: string, init: ModelInit): MoeLayer {
  const { seed, std, residualStd } = init;
  const experts = { numExperts: config.numExperts, dim: hiddenSize, hidden: config.width, seed, stream: `${stream}.experts`, std, downStd: residualStd };
  return new MoeLayer({ router: createRouter(config, hiddenSize, `${stream}.router`, init), experts: new StackedExperts(experts) });
}

function createRouter({ numExperts, topK, router: { name, ...settings } }: MoeConfig, dim: number, stream: string, { seed, std }: ModelInit): Router {
  const method = routerByName(name);
  // Routers that choose by another rule (a probability, the experts' choice) have no topK to set.
  const choices = "topK" in method.facts.parameters ? { topK } : {};
  return method.create({ dim, numExperts, ...choices, ...settings, seed, stream, std });
}
