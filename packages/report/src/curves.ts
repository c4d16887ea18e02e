import type { Point } from "./charts/line-chart.js";

/**
 * Exponential moving average of a curve, for noisy step values. Points that are not finite are left out of the average.
 *
 * @param weight - Of the past, 0 to 1.
 * @example smooth([[0, 1], [1, 3]], 0.5); // [[0, 1], [1, 2]]
 */
export function smooth(points: readonly Point[], weight: number): Point[] {
  let average: number | undefined;
  return points.map(([x, y]) => {
    if (!Number.isFinite(y)) return [x, y];
    average = average === undefined ? y : weight * average + (1 - weight) * y;
    return [x, average];
  });
}

/** The weight that lets a fiftieth of the curve count. */
export const smoothing = (numPoints: number): number => 1 - 1 / Math.max(1, numPoints / 50);

/** At most `limit` points: each the mean of equally many neighbours. */
export function thinned(points: readonly Point[], limit = 300): Point[] {
  if (points.length <= limit) return [...points];
  return stretches(points, limit).map((some) => [mean(some.map(([x]) => x)), mean(some.map(([, y]) => y))]);
}

/** Cuts a list into `count` stretches of equal length, give or take one; fewer if the list is shorter. */
export function stretches<T>(list: readonly T[], count: number): T[][] {
  const used = Math.min(count, list.length);
  return Array.from({ length: used }, (_, i) => list.slice(Math.floor((i * list.length) / used), Math.floor(((i + 1) * list.length) / used)));
}

/** NaN for an empty list. */
export const mean = (values: readonly number[]): number => sum(values) / values.length;

/** Of the entries. */
export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
