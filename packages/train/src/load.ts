import type { Tensor1D } from "@tensorflow/tfjs";
import { tokensPerExpert, type LayerCounts, type LayerRouting, type RouterPlace, type RoutingTrace } from "@moekit/core";

/**
 * How one MoE layer's load was spread in one optimiser step.
 * @example const { maxVio, deadExperts } = metrics.layers[0]!;
 */
export interface LayerLoad extends RouterPlace {
  /** Assignments of each expert, before capacity, summed over all micro-batches. */
  readonly counts: readonly number[];
  /** `max(counts) / mean(counts) - 1`; 0 is perfect balance. */
  readonly maxVio: number;
  /** Experts with less than a tenth of an even share. */
  readonly deadExperts: number;
}

/** `[E]` float32 assignments of a layer in one forward pass, on the device. Padding does not count. */
export function expertCounts({ routing, context }: LayerRouting): Tensor1D {
  return tokensPerExpert(routing, context.valid);
}

/** The trace with the counts of the whole global batch in every layer, for exact global-batch losses. */
export function withGlobalCounts(trace: RoutingTrace, counts: readonly Tensor1D[] | undefined): RoutingTrace {
  return counts ? trace.map((layer, i) => ({ ...layer, globalCounts: counts[i]! })) : trace;
}

/** Load figures from exact counts. */
export function layerLoad({ counts, ...place }: LayerCounts): LayerLoad {
  const total = counts.reduce((a, b) => a + b, 0);
  const even = total / counts.length;
  const maxVio = total > 0 ? Math.max(...counts) / even - 1 : 0;
  return { ...place, counts: [...counts], maxVio, deadExperts: counts.filter((count) => count < 0.1 * even).length };
}
