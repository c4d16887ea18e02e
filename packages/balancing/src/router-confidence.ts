import { DataError } from "@moekit/core";

/**
 * How sure a router is; entropies in nats.
 * @example const { meanMaxProb }: RouterConfidence = routerConfidence(await routing.probs.data(), 8);
 */
export interface RouterConfidence {
  /** Mean over tokens of the largest probability. */
  readonly meanMaxProb: number;
  /** Mean over tokens of the entropy of their distribution. */
  readonly conditionalEntropy: number;
  /** Entropy of the mean distribution. */
  readonly marginalEntropy: number;
  /** `marginalEntropy - conditionalEntropy`: what a token tells about its expert. */
  readonly mutualInformation: number;
}

/**
 * How sure a router is, from its probabilities.
 *
 * @param probs - `[T * E]`, row after row; rows sum to 1.
 * @throws DataError if there is no token, or a length that is no multiple of E.
 * @example routerConfidence([1, 0, 0, 1], 2).meanMaxProb; // 1
 */
export function routerConfidence(probs: ArrayLike<number>, numExperts: number): RouterConfidence {
  const numTokens = probs.length / numExperts;
  if (!Number.isInteger(numTokens) || numTokens === 0) throw new DataError(`routerConfidence: probs must be [T * E] with E = ${numExperts} and T at least 1; got ${probs.length} numbers.`);
  const mean = new Float64Array(numExperts);
  let [maxima, entropies] = [0, 0];
  for (let t = 0; t < numTokens; t++) {
    const row = Array.from({ length: numExperts }, (_, e) => probs[t * numExperts + e]!);
    row.forEach((p, e) => (mean[e]! += p / numTokens));
    maxima += Math.max(...row) / numTokens;
    entropies += entropy(row) / numTokens;
  }
  const marginalEntropy = entropy([...mean]);
  return { meanMaxProb: maxima, conditionalEntropy: entropies, marginalEntropy, mutualInformation: marginalEntropy - entropies };
}

const entropy = (probs: readonly number[]): number => -probs.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
