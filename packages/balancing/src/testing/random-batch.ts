/** Only for tests: random decisions of several layers as plain arrays. */
import { randomUniform } from "@moekit/core";
import type { RoutedTokens } from "../routing-recorder.js";

/** Sizes of {@link randomChoices}. */
export interface ChoiceSizes {
  readonly numTokens: number;
  readonly numLayers: number;
  readonly numExperts: number;
  readonly topK: number;
}

/** For each layer `[T * K]`: distinct experts for each token, as long as K is at most half of E. */
export function randomChoices({ numTokens, numLayers, numExperts, topK }: ChoiceSizes, seed: number): number[][] {
  const layer = (l: number) => draw(numTokens, numExperts, seed, `layer.${l}`).flatMap((first, t) => Array.from({ length: topK }, (_, k) => (first + k * (1 + (t % 2))) % numExperts));
  return Array.from({ length: numLayers }, (_, l) => layer(l));
}

/** Random choices of which every seventh is dropped (-1), with domains and token ids; about a fifth of the tokens is padding. */
export function randomBatch(sizes: ChoiceSizes & { readonly numDomains: number; readonly vocabSize: number }, seed: number): Required<RoutedTokens> {
  const { numTokens, numDomains, vocabSize } = sizes;
  const chosen = randomChoices(sizes, seed);
  const isDropped = (slot: number) => slot % 7 === 3;
  return {
    numTokens,
    expertIds: chosen.map((ids) => ids.map((id, slot) => (isDropped(slot) ? -1 : id))),
    dropped: chosen.map((ids) => ids.map((_, slot) => Number(isDropped(slot)))),
    valid: draw(numTokens, 5, seed, "valid").map((value) => Number(value > 0)),
    domainIds: draw(numTokens, numDomains, seed, "domain"),
    tokenIds: draw(numTokens, vocabSize, seed, "token"),
  };
}

/** Whole numbers below `below`, evenly spread. */
export const draw = (count: number, below: number, seed: number, stream: string): number[] => Array.from(randomUniform(count, { seed, stream }, 0, below), Math.floor);
