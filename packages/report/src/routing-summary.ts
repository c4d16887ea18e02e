import { coActivation, domainInformation, domainSpecialisation, explainedByToken, nextExpertPredictability, topTokens, type RoutingRecorder } from "@moekit/balancing";
import { DataError } from "@moekit/core";
import type { Flow } from "./charts/flow-diagram.js";

/**
 * What a recorder saw, as the numbers that the report draws: plain JSON values.
 * @example const summary: RoutingSummary = routingSummary(recorder, { domains: ["novel", "code"] });
 */
export interface RoutingSummary {
  readonly numTokens: number;
  readonly numExperts: number;
  readonly domains: readonly string[];
  /** MoE layers, in the order of the recorder. */
  readonly layers: readonly LayerSummary[];
  /** Between consecutive layers, by best expert. */
  readonly flows: readonly (Flow & { readonly accuracy: number; readonly baseline: number })[];
}

/**
 * One layer of a {@link RoutingSummary}.
 * @example const { informationBits, shuffledBits } = summary.layers[0]!;
 */
export interface LayerSummary {
  /** `[E]` assignments. */
  readonly counts: readonly number[];
  /** `[domain][expert]` fraction of the domain's tokens that use the expert; empty without domains. */
  readonly specialisation: readonly (readonly number[])[];
  /** What a choice of expert tells about the domain; left out without domains. */
  readonly informationBits?: number;
  /** The same for shuffled domain labels. */
  readonly shuffledBits?: number;
  /** `[i][j]` of the tokens that use expert i, the fraction that also use j. */
  readonly coActivation: readonly (readonly number[])[];
  /** `[expert]` its most frequent tokens; empty without token ids. */
  readonly topTokens: readonly (readonly TopToken[])[];
  /** Fraction of the routing that the token id explains; left out without token ids. */
  readonly explainedByToken?: number;
}

/**
 * A token that an expert gets often.
 * @example const token: TopToken = { text: " the", count: 40, share: 0.8 };
 */
export interface TopToken {
  readonly text: string;
  /** Occurrences that went to this expert as their best. */
  readonly count: number;
  /** Their part of all occurrences of the token. */
  readonly share: number;
}

/**
 * How to name what a recorder counted.
 * @example const names: SummaryNames = { domains: ["novel", "code"], tokenText: (id) => tokenizer.decode([id]) };
 */
export interface SummaryNames {
  /** One per domain of the recorder. */
  readonly domains: readonly string[];
  /** Text of a token id; without it the summary has no tokens. */
  readonly tokenText?: (tokenId: number) => string;
}

/** Tokens listed per expert, at most. */
export const TOP_TOKENS = 8;

/**
 * Computes what the report shows of a model's routing, with the metrics of `@moekit/balancing`.
 *
 * @param recorder - Fed with held-out text, without routing noise.
 * @throws DataError if nothing was recorded, or there is not one name per domain.
 * @source Muennighoff et al. 2024 (OLMoE), arXiv:2409.02060, section 5.
 * @example const routing = routingSummary(recorder, { domains: ["novel", "code"], tokenText: (id) => tokenizer.decode([id]) });
 */
export function routingSummary(recorder: RoutingRecorder, { domains, tokenText }: SummaryNames): RoutingSummary {
  const { numDomains, numExperts } = recorder.options;
  if (recorder.numTokens === 0) throw new DataError("routingSummary: the recorder has seen no token; add batches to it first.");
  if (domains.length !== numDomains) throw new DataError(`routingSummary: domains must name the ${numDomains} domains of the recorder; got ${domains.length} names.`);
  return { numTokens: recorder.numTokens, numExperts, domains, layers: recorder.layers.map((_, layer) => layerSummary(recorder, layer, tokenText)), flows: flowsOf(recorder) };
}

function layerSummary(recorder: RoutingRecorder, layer: number, tokenText?: (tokenId: number) => string): LayerSummary {
  const { counts, tokens } = recorder.layers[layer]!;
  const information = recorder.domainTokens.some((count) => count > 0) ? domainInformation(recorder, layer) : undefined;
  const named = tokenText && tokens.size > 0;
  return {
    counts: [...counts],
    specialisation: domainSpecialisation(recorder, layer),
    ...(information && { informationBits: information.information / Math.LN2, shuffledBits: information.shuffled / Math.LN2 }),
    coActivation: coActivation(recorder, layer),
    topTokens: named ? Array.from(counts, (_, expert) => topTokens(recorder, layer, expert, TOP_TOKENS).map(({ tokenId, count, share }) => ({ text: tokenText(tokenId), count, share }))) : [],
    ...(named && { explainedByToken: explainedByToken(recorder, layer) }),
  };
}

function flowsOf(recorder: RoutingRecorder): RoutingSummary["flows"] {
  const { numExperts } = recorder.options;
  return recorder.crossings
    .filter(({ from, to }) => to === from + 1)
    .sort((a, b) => a.from - b.from)
    .map(({ from, to, top1 }) => ({ from, to, counts: Array.from({ length: numExperts }, (_, i) => [...top1.subarray(i * numExperts, (i + 1) * numExperts)]), ...nextExpertPredictability(recorder, from, to) }));
}
