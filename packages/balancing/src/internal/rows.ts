import { ConfigError } from "@moekit/core";
import type { LayerTotals } from "../layer-totals.js";
import type { RoutingRecorder } from "../routing-recorder.js";

/** A flat matrix as rows. */
export function rowsOf(flat: Float64Array, columns: number): number[][] {
  return Array.from({ length: flat.length / columns }, (_, row) => [...flat.subarray(row * columns, (row + 1) * columns)]);
}

/** The totals of a layer. @throws ConfigError if there is no such layer. */
export function layerOf(where: string, recorder: RoutingRecorder, layer: number): LayerTotals {
  const totals = recorder.layers[layer];
  if (!totals) throw new ConfigError(`${where}: layer must be 0 to ${recorder.layers.length - 1}, counted in the order of the trace; got ${layer}.`);
  return totals;
}
