import { ConfigError, randomUniform } from "@moekit/core";
import { layerOf, rowsOf } from "./internal/rows.js";
import type { RoutingRecorder } from "./routing-recorder.js";

/**
 * Domain specialisation of one layer: the fraction of a domain's tokens that use each expert.
 *
 * `[domain][expert] = N_ed / N_d`; a row sums to k. Chance level k / E. With `top1` only best experts count: rows sum to 1,
 * chance level 1 / E. Zeros for a domain without tokens.
 *
 * @throws ConfigError if the layer was not recorded.
 * @source Muennighoff et al. 2024 (OLMoE), arXiv:2409.02060, section 5.3.
 * @example const [novel, code] = domainSpecialisation(recorder, 0);
 */
export function domainSpecialisation(recorder: RoutingRecorder, layer: number, { top1 = false }: { readonly top1?: boolean } = {}): number[][] {
  const { domains, domainsTop1 } = layerOf("domainSpecialisation", recorder, layer);
  const rows = rowsOf(top1 ? domainsTop1 : domains, recorder.options.numExperts);
  return rows.map((row, domain) => row.map((count) => count / Math.max(recorder.domainTokens[domain]!, 1)));
}

/**
 * How firmly a token id goes to one expert.
 * @example const { tokenId, share }: TokenSpecialisation = vocabularySpecialisation(recorder, 0).tokens[0]!;
 */
export interface TokenSpecialisation {
  readonly tokenId: number;
  /** Occurrences. */
  readonly count: number;
  /** Its most frequent best expert; ties to the lower id. */
  readonly expertId: number;
  /** Share of its occurrences that go there, 0 to 1. */
  readonly share: number;
}

/**
 * Vocabulary specialisation of one layer: for each token id the share of its most frequent best expert, and the plain mean of
 * these shares over ids.
 *
 * Rare ids look specialised by chance; compare with {@link chanceMaxShare}, or ask for more occurrences.
 *
 * @param options - `minCount`: occurrences an id must have; default 1, tables usually take 10.
 * @returns `tokens`, most specialised first; `mean` is NaN if no id has enough occurrences.
 * @throws ConfigError if the layer was not recorded.
 * @source Muennighoff et al. 2024 (OLMoE), arXiv:2409.02060, section 5.4.
 * @example const { mean, tokens } = vocabularySpecialisation(recorder, 0, { minCount: 10 });
 */
export function vocabularySpecialisation(recorder: RoutingRecorder, layer: number, { minCount = 1 }: { readonly minCount?: number } = {}): { mean: number; tokens: TokenSpecialisation[] } {
  const tokens = [...layerOf("vocabularySpecialisation", recorder, layer).tokens]
    .map(([tokenId, counts]) => specialisationOf(tokenId, counts))
    .filter(({ count }) => count >= minCount)
    .sort((a, b) => b.share - a.share || b.count - a.count || a.tokenId - b.tokenId);
  return { mean: tokens.reduce((sum, { share }) => sum + share, 0) / tokens.length, tokens };
}

function specialisationOf(tokenId: number, counts: Float64Array): TokenSpecialisation {
  const count = counts.reduce((a, b) => a + b, 0);
  const most = Math.max(...counts);
  return { tokenId, count, expertId: counts.indexOf(most), share: most / count };
}

/**
 * The token ids that an expert is the best one for most often.
 *
 * @param limit - Default 10.
 * @returns Most frequent first, ties to the lower id. `count`: occurrences that went to this expert; `share`: their part of all
 * occurrences of the id.
 * @throws ConfigError if the layer was not recorded or has no such expert.
 * @source OpenMoE (Xue et al. 2024), arXiv:2402.01739, section 4.
 * @example topTokens(recorder, 0, 3).map(({ tokenId }) => tokenizer.decode([tokenId]));
 */
export function topTokens(recorder: RoutingRecorder, layer: number, expertId: number, limit = 10): TokenSpecialisation[] {
  const { numExperts } = recorder.options;
  if (!(Number.isInteger(expertId) && expertId >= 0 && expertId < numExperts)) throw new ConfigError(`topTokens: expertId must be 0 to ${numExperts - 1}; got ${expertId}.`);
  return [...layerOf("topTokens", recorder, layer).tokens]
    .map(([tokenId, counts]) => ({ tokenId, count: counts[expertId]!, expertId, share: counts[expertId]! / counts.reduce((a, b) => a + b, 0) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count || a.tokenId - b.tokenId)
    .slice(0, limit);
}

/**
 * Chance level of {@link vocabularySpecialisation} for an id with `count` occurrences: the mean largest share when each goes
 * to an expert at random, by simulation.
 *
 * @param options - `draws`: default 1000, error about 1%; `seed`: default 0.
 * @example chanceMaxShare(10, 8).toFixed(1); // "0.3"
 */
export function chanceMaxShare(count: number, numExperts: number, { draws = 1000, seed = 0 }: { readonly draws?: number; readonly seed?: number } = {}): number {
  const experts = randomUniform(count * draws, { seed, stream: "chance" }, 0, numExperts);
  let sum = 0;
  for (let draw = 0; draw < draws; draw++) {
    const counts = new Float64Array(numExperts);
    for (const expert of experts.subarray(draw * count, (draw + 1) * count)) counts[Math.floor(expert)]!++;
    sum += Math.max(...counts) / count;
  }
  return sum / draws;
}
