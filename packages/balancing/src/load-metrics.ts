import { DataError } from "@moekit/core";

/** How evenly experts are loaded, from how often each was chosen: plain numbers, no tensors. Letters: c counts, E experts. */

/**
 * Choices of each expert: whole numbers, at least one above 0.
 * @example const counts: Counts = [5, 3, 2, 2];
 */
export type Counts = ArrayLike<number>;

/**
 * All load metrics of one layer.
 * @example const { maxVio, deadExperts } = loadMetrics([5, 3, 2, 2]);
 */
export interface LoadMetrics {
  readonly maxVio: number;
  readonly minVio: number;
  readonly coefficientOfVariation: number;
  readonly normalisedEntropy: number;
  readonly effectiveExperts: number;
  readonly l1Imbalance: number;
  readonly deadExperts: number;
}

/**
 * All load metrics that follow from counts.
 * @throws DataError if nothing was counted.
 * @example loadMetrics([5, 3, 2, 2]).maxVio.toFixed(3); // "0.667"
 */
export function loadMetrics(counts: Counts): LoadMetrics {
  return {
    maxVio: maxVio(counts),
    minVio: minVio(counts),
    coefficientOfVariation: coefficientOfVariation(counts),
    normalisedEntropy: normalisedEntropy(counts),
    effectiveExperts: effectiveExperts(counts),
    l1Imbalance: l1Imbalance(counts),
    deadExperts: deadExperts(counts),
  };
}

/**
 * Largest load violation: `max(c) / mean(c) - 1`. 0 is perfect balance, E / k - 1 the worst. Sampling noise alone gives
 * about 0.16 with 256 tokens, k = 2 and E = 8, so compare only batches of one size.
 * @throws DataError if nothing was counted.
 * @source Wang et al. 2024, arXiv:2408.15664, eq. 4.
 * @example maxVio([3, 3, 2]); // 0.125
 */
export function maxVio(counts: Counts): number {
  const shares = ratios("maxVio", counts);
  return Math.max(...shares) - 1;
}

/**
 * How far the idlest expert is below the mean: `1 - min(c) / mean(c)`, from 0 to 1.
 * @throws DataError if nothing was counted.
 * @example minVio([3, 3, 2]); // 0.25
 */
export function minVio(counts: Counts): number {
  return 1 - Math.min(...ratios("minVio", counts));
}

/**
 * Population standard deviation over mean of the counts; 0 is perfect balance.
 * @throws DataError if nothing was counted.
 * @example coefficientOfVariation([3, 3, 2]).toFixed(6); // "0.176777"
 */
export function coefficientOfVariation(counts: Counts): number {
  const deviations = ratios("coefficientOfVariation", counts).map((ratio) => (ratio - 1) ** 2);
  return Math.sqrt(sum(deviations) / deviations.length);
}

/**
 * Entropy of the shares over its largest value: `-sum f ln f / ln E`, from 0 (one expert) to 1 (even). 1 for a single expert.
 * @throws DataError if nothing was counted.
 * @example normalisedEntropy([3, 3, 2]).toFixed(6); // "0.985057"
 */
export function normalisedEntropy(counts: Counts): number {
  const entropy = loadEntropy("normalisedEntropy", counts);
  return counts.length === 1 ? 1 : entropy / Math.log(counts.length);
}

/**
 * The number of experts that would have this entropy if evenly used: `exp(-sum f ln f)`, from 1 to E.
 * @throws DataError if nothing was counted.
 * @example effectiveExperts([1, 1, 0, 0]).toFixed(3); // "2.000"
 */
export function effectiveExperts(counts: Counts): number {
  return Math.exp(loadEntropy("effectiveExperts", counts));
}

/**
 * The part of all choices that would have to move for an even load: `sum |f - 1 / E| / 2`, from 0 to 1 - 1 / E.
 * @throws DataError if nothing was counted.
 * @example l1Imbalance([1, 1, 0, 0]); // 0.5
 */
export function l1Imbalance(counts: Counts): number {
  const deviations = ratios("l1Imbalance", counts).map((ratio) => Math.abs(ratio - 1));
  return sum(deviations) / deviations.length / 2;
}

/**
 * Number of experts with less than `fraction` of an even share.
 * @param fraction - Default 0.1, as in training reports; 0.01 is the stricter convention.
 * @throws DataError if nothing was counted.
 * @example deadExperts([100, 100, 100, 5]); // 1
 */
export function deadExperts(counts: Counts, fraction = 0.1): number {
  return ratios("deadExperts", counts).filter((ratio) => ratio < fraction).length;
}

/**
 * The part of all choices that was dropped for capacity.
 * @param dropped - Choices dropped.
 * @param chosen - Choices made, the dropped ones among them.
 * @throws DataError if no choice was made.
 * @example dropRate(4, 8); // 0.5
 */
export function dropRate(dropped: number, chosen: number): number {
  if (!(chosen > 0)) throw new DataError(`dropRate: chosen must be above 0; got ${chosen}.`);
  return dropped / chosen;
}

/** Loads relative to an even one: `c / mean(c)`. */
function ratios(where: string, counts: Counts): number[] {
  const total = sum(Array.from(counts));
  if (!(total > 0)) throw new DataError(`${where}: counts must have at least one choice; got ${counts.length} counts with the sum ${total}.`);
  return Array.from(counts, (count) => (count * counts.length) / total);
}

/** In nats. */
function loadEntropy(where: string, counts: Counts): number {
  const shares = ratios(where, counts).map((ratio) => ratio / counts.length);
  return sum(shares.map((share) => (share > 0 ? -share * Math.log(share) : 0)));
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
