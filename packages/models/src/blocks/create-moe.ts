import { MoeLayer, StackedExperts } from "@moekit/core";
import { TopKRouter } from "@moekit/routing";
import type { MoeConfig } from "../config/model-config.js";
import type { ModelInit } from "./model-init.js";

/** An MoE layer with SwiGLU experts and the router that the config names. */
export function createMoe({ numExperts, topK, width, router }: MoeConfig, hiddenSize: number, stream: string, { seed, std, residualStd }: ModelInit): MoeLayer {
  return new MoeLayer({
    router: new TopKRouter({ dim: hiddenSize, numExperts, topK, renormalise: router.renormalise, seed, stream: `${stream}.router`, std }),
    experts: new StackedExperts({ numExperts, dim: hiddenSize, hidden: width, seed, stream: `${stream}.experts`, std, downStd: residualStd }),
  });
}
