import { CheckpointError } from "@moekit/core";
import type { ModelConfig } from "../config/model-config.js";
import { findFamily } from "../families/index.js";
import { OUTSIDE } from "../families/names.js";
import { placeOf, within, type Place, type Placing } from "./place.js";

/**
 * Where the parameters of a model lie in files, by path.
 *
 * @param shapes - Of all parameters. A router that its family does not have may have more than a weight.
 */
export function parameterPlaces(config: ModelConfig, shapes: Readonly<Record<string, readonly number[]>>): Map<string, Place> {
  const family = findFamily(config.family)!;
  const outside = family.outside ?? OUTSIDE;
  const inLayers = config.layers.map((layer) => family.layer(layer));
  const placing = (path: string): Placing => {
    const [, layer, inLayer] = /^layers\.(\d+)\.(.+)$/.exec(path) ?? [];
    if (layer === undefined) return outside[path] ?? unknown(path);
    const prefix = (family.layerPrefix ?? "model.layers.{i}").replace("{i}", layer);
    return within(prefix, inLayers[Number(layer)]![inLayer!] ?? ownRouterName(path, inLayer!));
  };
  return new Map(Object.entries(shapes).map(([path, shape]) => [path, placeOf(placing(path), shape)]));
}

/** Such tensors are only in files whose `model_type` has our prefix, see {@link withRouter}. */
function ownRouterName(path: string, inLayer: string): string {
  const [, name] = /^moe\.router\.(.+)$/.exec(inLayer) ?? [];
  return name === undefined ? unknown(path) : `moekit_router.${name}`;
}

function unknown(path: string): never {
  throw new CheckpointError(`parameterPlaces: no tensor of a file is known for the parameter ${path}.`);
}
