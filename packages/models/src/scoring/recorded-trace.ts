import type { RoutingTrace } from "@moekit/core";
import type { ModelConfig } from "../config/model-config.js";

/**
 * The trace as transformers records it: the same, but in families where it records some routers of a layer more than once
 * (JetMoE: those of attention twice), they stand in it as often, and so count in its load-balancing loss.
 *
 * @example const loss = huggingFaceAuxLoss(recordedTrace(model.forward(ids).trace, model.config));
 */
export function recordedTrace(trace: RoutingTrace, { routerRecords }: Pick<ModelConfig, "routerRecords">): RoutingTrace {
  if (!routerRecords) return trace;
  const inLayer = (index: number) => index - trace.findIndex(({ layer }) => layer === trace[index]!.layer);
  return trace.flatMap((entry, index) => Array.from({ length: routerRecords[inLayer(index)] ?? 1 }, () => entry));
}
