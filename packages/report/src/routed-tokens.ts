import { DataError } from "@moekit/core";

/**
 * A token's text with the experts it went to, for each layer best first.
 * @example const token: RoutedToken = { text: "Call", experts: [[3, 1]], gates: [[0.7, 0.3]] };
 */
export interface RoutedToken {
  readonly text: string;
  /** `[layer][slot]` */
  readonly experts: readonly (readonly number[])[];
  /** `[layer][slot]` */
  readonly gates: readonly (readonly number[])[];
}

/**
 * Puts texts of tokens and the decisions of each layer together.
 *
 * @param texts - T tokens, e.g. each id decoded alone.
 * @param layers - For each MoE layer the data of `expertIds` and `gates`, `[T * K]`, -1 in empty slots. A token's experts are
 * sorted by gate, largest first; ties keep their order.
 * @throws DataError if a layer does not have K ids and gates for each of the T tokens.
 * @example routedTokens(["Call", " me"], [{ expertIds: [3, 1, 0, 2], gates: [0.7, 0.3, 0.4, 0.6] }])[1]!.experts; // [[2, 0]]
 */
export function routedTokens(texts: readonly string[], layers: readonly { readonly expertIds: ArrayLike<number>; readonly gates: ArrayLike<number> }[]): RoutedToken[] {
  const wrong = layers.find(({ expertIds, gates }) => expertIds.length !== gates.length || expertIds.length % Math.max(texts.length, 1) !== 0);
  if (wrong) throw new DataError(`routedTokens: each layer must have K ids and K gates for each of the ${texts.length} tokens; got ${wrong.expertIds.length} ids and ${wrong.gates.length} gates.`);
  return texts.map((text, t) => {
    const slots = layers.map((layer) => slotsOf(layer.expertIds, layer.gates, t, layer.expertIds.length / texts.length));
    return { text, experts: slots.map((slot) => slot.map(([expert]) => expert)), gates: slots.map((slot) => slot.map(([, gate]) => gate)) };
  });
}

function slotsOf(expertIds: ArrayLike<number>, gates: ArrayLike<number>, token: number, slots: number): [expert: number, gate: number][] {
  return Array.from({ length: slots }, (_, k): [number, number] => [expertIds[token * slots + k]!, gates[token * slots + k]!])
    .filter(([expert]) => expert >= 0)
    .sort(([, a], [, b]) => b - a);
}
