import type { RouterPlace } from "../types.js";

/**
 * The place of a router as a text, by which it differs from all others of its model: the layer, and the part where it has one.
 * @example routerKey({ layer: 3 }); // "3"
 * @example routerKey({ layer: 3, part: "attention" }); // "3.attention"
 */
export function routerKey({ layer, part }: RouterPlace): string {
  return part === undefined ? String(layer) : `${layer}.${part}`;
}
