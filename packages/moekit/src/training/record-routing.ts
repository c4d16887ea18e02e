import { RoutingRecorder } from "@moekit/balancing";
import type { LayerConfig, MoeTransformer } from "@moekit/models";
import { routingOf } from "./routing-of.js";
import type { TrainingData } from "./training-data.js";

/** Tokens of each domain that are looked at: enough for the pictures, few enough for the shuffled baseline. */
const TOKENS_PER_DOMAIN = 8192;

/** Counts how held-out text of each domain is routed; undefined for a model without experts. */
export async function recordRouting(model: MoeTransformer, windows: TrainingData["windows"]): Promise<RoutingRecorder | undefined> {
  const routers = model.config.layers.flatMap(routersOf);
  if (routers.length === 0) return undefined;
  const recorder = new RoutingRecorder({ numLayers: routers.length, numExperts: routers[0]!, numDomains: windows.length });
  for (const [domain, { batches }] of windows.entries()) {
    let tokens = 0;
    for (const batch of batches) {
      if (tokens >= TOKENS_PER_DOMAIN) break;
      await add(recorder, model, batch, domain);
      tokens += batch.inputIds.length;
    }
  }
  return recorder;
}

/** Number of experts of each router of a layer, in the order of the trace. */
export function routersOf({ attention, feedForward }: LayerConfig): number[] {
  return [...(attention.kind === "experts" ? [attention.numExperts] : []), ...(feedForward.kind === "moe" ? [feedForward.numExperts] : [])];
}

async function add(recorder: RoutingRecorder, model: MoeTransformer, { inputIds, targetIds, batchSize }: TrainingData["windows"][number]["batches"][number], domain: number): Promise<void> {
  const layers = await routingOf(model, inputIds, batchSize);
  recorder.add({
    numTokens: inputIds.length,
    expertIds: layers.map(({ expertIds }) => expertIds),
    domainIds: new Int32Array(inputIds.length).fill(domain),
    tokenIds: inputIds,
    // Places without a target are padding or document ends.
    valid: targetIds.map((id) => (id >= 0 ? 1 : 0)),
  });
}
