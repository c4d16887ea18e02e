import type { Point } from "./charts/line-chart.js";

/**
 * Centred moving average of a curve, for noisy step values. It does not lag behind; near the ends the window shrinks. Points
 * that are not finite are left out of the averages and stay as they are.
 *
 * @param reach - Neighbours on either side.
 * @example smooth([[0, 1], [1, 3], [2, 8]], 1); // [[0, 1], [1, 4], [2, 8]]
 */
export function smooth(points: readonly Point[], reach: number): Point[] {
  return points.map(([x, y], i) => {
    const near = Math.min(reach, i, points.length - 1 - i);
    const window = points.slice(i - near, i + near + 1).flatMap(([, value]) => (Number.isFinite(value) ? [value] : []));
    return [x, Number.isFinite(y) ? mean(window) : y];
  });
}

/** The reach that averages over a fortieth of the curve. */
export const reachOf = (numPoints: number): number => Math.round(numPoints / 80);

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
