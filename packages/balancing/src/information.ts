import { DataError, randomUniform } from "@moekit/core";
import { layerOf, rowsOf } from "./internal/rows.js";
import type { RoutingRecorder } from "./routing-recorder.js";

/**
 * Mutual information of two variables, in nats (divide by `Math.LN2` for bits), from how often they occur together:
 * `sum p_ij ln(p_ij / (p_i p_j))`.
 *
 * Finite samples make it too large; `millerMadow` subtracts the expected excess,
 * `(cells - rows - columns + 1) / (2 N)`, counting those that are not empty.
 *
 * @param table - Counts, one row for each value of one variable.
 * @throws DataError if nothing was counted.
 * @example mutualInformation([[1, 0], [0, 1]]) / Math.LN2; // 1
 */
export function mutualInformation(table: readonly ArrayLike<number>[], { millerMadow = false }: { readonly millerMadow?: boolean } = {}): number {
  const rows = table.map((row) => sum(Array.from(row)));
  const columns = columnSums(table);
  const cells = table.flatMap((row) => Array.from(row));
  return entropy(rows, millerMadow) + entropy(columns, millerMadow) - entropy(cells, millerMadow);
}

/**
 * What {@link mutualInformation} would be if the labels (rows) were dealt to the same choices at random: the level above which
 * information means something.
 *
 * @param table - Counts, whole numbers, one row for each label.
 * @param options - `rounds`: shuffles to average over, default 10; `seed`: default 0.
 * @throws DataError if nothing was counted.
 * @example shuffledInformation([[50, 50], [50, 50]]) < 0.02; // true
 */
export function shuffledInformation(table: readonly ArrayLike<number>[], { rounds = 10, seed = 0 }: { readonly rounds?: number; readonly seed?: number } = {}): number {
  const labels = repeated(table.map((row) => sum(Array.from(row))));
  const choices = repeated(columnSums(table));
  const results = Array.from({ length: rounds }, (_, round) => {
    shuffle(labels, { seed, stream: `shuffle.${round}` });
    const dealt = table.map((row) => new Float64Array(row.length));
    labels.forEach((label, i) => dealt[label]![choices[i]!]!++);
    return mutualInformation(dealt);
  });
  return sum(results) / rounds;
}

/**
 * What an expert of one layer tells about a token's domain, in nats (divide by `Math.LN2` for bits): `information` between
 * expert and domain over all choices, and the level that shuffled domain labels give.
 *
 * @throws ConfigError if the layer was not recorded; DataError if nothing was counted.
 * @example const { information, shuffled } = domainInformation(recorder, 0);
 */
export function domainInformation(recorder: RoutingRecorder, layer: number, options: { readonly rounds?: number; readonly seed?: number } = {}): { information: number; shuffled: number } {
  const table = rowsOf(layerOf("domainInformation", recorder, layer).domains, recorder.options.numExperts);
  return { information: mutualInformation(table), shuffled: shuffledInformation(table, options) };
}

/**
 * The fraction of one layer's routing that the token id explains: `I(expert; token id) / H(expert)`, of best experts, both
 * with the correction of Miller and Madow. 1: the id alone decides; 0: it says nothing. NaN if one expert has all tokens, so
 * that nothing is left to explain.
 *
 * @throws ConfigError if the layer was not recorded; DataError if no token ids were.
 * @source After OpenMoE (Xue et al. 2024), arXiv:2402.01739, section 4: routing is mainly by token id.
 * @example explainedByToken(recorder, 0);
 */
export function explainedByToken(recorder: RoutingRecorder, layer: number): number {
  const table = [...layerOf("explainedByToken", recorder, layer).tokens.values()];
  return mutualInformation(table, { millerMadow: true }) / entropy(columnSums(table), true);
}

/** In nats. */
function entropy(counts: readonly number[], millerMadow: boolean): number {
  const total = sum(counts);
  if (!(total > 0)) throw new DataError("mutualInformation: the table must have at least one count; got none.");
  const used = counts.filter((count) => count > 0);
  const plugIn = -sum(used.map((count) => (count / total) * Math.log(count / total)));
  return millerMadow ? plugIn + (used.length - 1) / (2 * total) : plugIn;
}

const columnSums = (table: readonly ArrayLike<number>[]): number[] => Array.from({ length: table[0]?.length ?? 0 }, (_, j) => sum(table.map((row) => row[j]!)));

/** `[2, 1]` becomes `[0, 0, 1]`. */
function repeated(counts: readonly number[]): Int32Array {
  const values = new Int32Array(sum(counts));
  let start = 0;
  for (const [value, count] of counts.entries()) values.fill(value, start, (start += count));
  return values;
}

/** In place, after Fisher and Yates. */
function shuffle(values: Int32Array, key: { seed: number; stream: string }): void {
  const random = randomUniform(values.length, key);
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random[i]! * (i + 1));
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
