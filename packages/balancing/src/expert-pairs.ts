import { ConfigError, DataError } from "@moekit/core";
import { checkWholeFromOne } from "./internal/check.js";
import { layerOf, rowsOf } from "./internal/rows.js";
import type { Crossing, RoutingRecorder } from "./routing-recorder.js";

/**
 * Co-activation of the experts of one layer: of the tokens that use expert i, the fraction that also use j.
 *
 * `[i][j] = N_ij / N_i`, 0 on the diagonal; a row sums to k - 1. Not symmetric. Chance level (k - 1) / (E - 1). With
 * `adjacentOnly` only neighbours in rank count, as in the released OLMoE script. Zeros for an expert without tokens.
 *
 * @throws ConfigError if the layer was not recorded.
 * @source Muennighoff et al. 2024 (OLMoE), arXiv:2409.02060, section 5.2.
 * @example const matrix = coActivation(recorder, 0);
 */
export function coActivation(recorder: RoutingRecorder, layer: number, { adjacentOnly = false }: { readonly adjacentOnly?: boolean } = {}): number[][] {
  const { pairs, adjacentPairs, counts } = layerOf("coActivation", recorder, layer);
  return perRow(rowsOf(adjacentOnly ? adjacentPairs : pairs, recorder.options.numExperts), counts);
}

/**
 * Affinity between the experts of two layers: of the tokens that use expert i in `from`, the fraction that use j in `to`.
 *
 * A row sums to k, or to 1 with `top1` (best experts only). Zeros for an expert without tokens.
 *
 * @throws ConfigError if this pair of layers was not recorded.
 * @example const affinity = crossLayerAffinity(recorder, 0, 1, { top1: true });
 */
export function crossLayerAffinity(recorder: RoutingRecorder, from: number, to: number, { top1 = false }: { readonly top1?: boolean } = {}): number[][] {
  const crossing = crossingOf("crossLayerAffinity", recorder, from, to);
  const totals = layerOf("crossLayerAffinity", recorder, from);
  return perRow(rowsOf(top1 ? crossing.top1 : crossing.topK, recorder.options.numExperts), top1 ? totals.top1 : totals.counts);
}

/**
 * How well the best expert in `from` tells the best one in `to`, as prefetching would guess it.
 *
 * @returns `accuracy` of guessing the most frequent successor; `baseline`: share of the most used expert of `to`.
 * @throws ConfigError if this pair of layers was not recorded; DataError if no token was.
 * @example const { accuracy, baseline } = nextExpertPredictability(recorder, 0, 1);
 */
export function nextExpertPredictability(recorder: RoutingRecorder, from: number, to: number): { accuracy: number; baseline: number } {
  const rows = rowsOf(crossingOf("nextExpertPredictability", recorder, from, to).top1, recorder.options.numExperts);
  const total = sum(rows.map(sum));
  if (total === 0) throw new DataError(`nextExpertPredictability: at least one token must use experts in both of the layers ${from} and ${to}; got none.`);
  const successors = rows[0]!.map((_, j) => sum(rows.map((row) => row[j]!)));
  return { accuracy: sum(rows.map((row) => Math.max(...row))) / total, baseline: Math.max(...successors) / total };
}

/**
 * Router saturation: how much of a later checkpoint's choice an earlier one already makes, on the same tokens without noise.
 *
 * `mean over tokens of |experts then ∩ experts now| / k`. Chance level k / E, or 1 / E with `top1`.
 *
 * @param then - `[T * K]` expert ids, best first; -1 matches nothing.
 * @param now - The same of the later checkpoint.
 * @param topK - K.
 * @param options - `top1`: compare best experts only.
 * @throws ConfigError if the lengths differ or are no multiple of K.
 * @source Muennighoff et al. 2024 (OLMoE), arXiv:2409.02060, section 5.1.
 * @example routerSaturation([0, 1, 2, 3], [0, 2, 3, 2], 2); // 0.75
 */
export function routerSaturation(then: ArrayLike<number>, now: ArrayLike<number>, topK: number, { top1 = false }: { readonly top1?: boolean } = {}): number {
  checkWholeFromOne("routerSaturation", "topK", topK);
  if (then.length !== now.length || then.length % topK !== 0 || then.length === 0) throw new ConfigError(`routerSaturation: both must hold T * K ids with K = ${topK}; got ${then.length} and ${now.length}.`);
  const compared = top1 ? 1 : topK;
  let same = 0;
  for (let first = 0; first < then.length; first += topK) {
    const earlier = new Set(Array.from({ length: compared }, (_, k) => then[first + k]!));
    for (let k = 0; k < compared; k++) same += Number(now[first + k]! >= 0 && earlier.has(now[first + k]!));
  }
  return same / ((then.length / topK) * compared);
}

function crossingOf(where: string, { crossings }: RoutingRecorder, from: number, to: number): Crossing {
  const found = crossings.find((crossing) => crossing.from === from && crossing.to === to);
  if (found) return found;
  throw new ConfigError(`${where}: the pair of layers ${from}, ${to} was not recorded; recorded are ${crossings.map((c) => `${c.from}, ${c.to}`).join("; ")}. Name it in layerPairs.`);
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const perRow = (rows: number[][], totals: Float64Array): number[][] => rows.map((row, i) => row.map((value) => value / Math.max(totals[i]!, 1)));
