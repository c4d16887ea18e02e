import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import type { LayerCounts, LayerRouting, RoutingTrace } from "@moekit/core";

/**
 * How one MoE layer's load was spread in one optimiser step.
 * @example const { maxVio, deadExperts } = metrics.layers[0]!;
 */
export interface LayerLoad {
  readonly layer: number;
  /** Assignments of each expert, before capacity, summed over all micro-batches. */
  readonly counts: readonly number[];
  /** `max(counts) / mean(counts) - 1`; 0 is perfect balance. */
  readonly maxVio: number;
  /** Experts with less than a tenth of an even share. */
  readonly deadExperts: number;
}

/** `[E]` float32 assignments of a layer in one forward pass, on the device. Padding does not count. */
export function expertCounts({ routing, context }: LayerRouting): Tensor1D {
  return tf.tidy(() => {
    if (routing.kind === "expert-choice") return tf.sum(tf.cast(tf.greaterEqual(routing.tokenIds, 0), "float32"), 1) as Tensor1D;
    if (routing.kind === "dense-mix") return tf.mul(tf.ones([routing.numExperts]), context.valid ? tf.sum(context.valid) : routing.gates.shape[0]) as Tensor1D;
    const ids = routing.chosenIds ?? routing.expertIds;
    return countIds(ids, routing.numExperts, context.valid);
  });
}

/** Empty slots (-1) match no column. */
function countIds(ids_TK: Tensor2D, numExperts: number, valid_T?: Tensor1D): Tensor1D {
  const experts_E = tf.range(0, numExperts, 1, "int32");
  const hits_TKE = tf.cast(tf.equal(tf.expandDims(ids_TK, -1), experts_E), "float32");
  const real_TKE = valid_T ? tf.mul(hits_TKE, tf.reshape(valid_T, [-1, 1, 1])) : hits_TKE;
  return tf.sum(real_TKE, [0, 1]);
}

/** The trace with the counts of the whole global batch in every layer, for exact global-batch losses. */
export function withGlobalCounts(trace: RoutingTrace, counts: readonly Tensor1D[] | undefined): RoutingTrace {
  return counts ? trace.map((layer, i) => ({ ...layer, globalCounts: counts[i]! })) : trace;
}

/** Load figures from exact counts. */
export function layerLoad({ layer, counts }: LayerCounts): LayerLoad {
  const total = counts.reduce((a, b) => a + b, 0);
  const even = total / counts.length;
  const maxVio = total > 0 ? Math.max(...counts) / even - 1 : 0;
  return { layer, counts: [...counts], maxVio, deadExperts: counts.filter((count) => count < 0.1 * even).length };
}
