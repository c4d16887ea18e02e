import { expect, test } from "vitest";
import type { Point } from "./charts/line-chart.js";
import { smooth, stretches, thinned } from "./curves.js";

test("the moving average is centred, shrinks at the ends, and steps over gaps", () => {
  // Middle: (1 + 3 + 8) / 3 = 4.
  expect(smooth([[0, 1], [1, 3], [2, 8]], 1)).toEqual([[0, 1], [1, 4], [2, 8]]);
  expect(smooth([[0, 2], [1, NaN], [2, 4], [3, 6], [4, 0]], 1)).toEqual([[0, 2], [1, NaN], [2, 5], [3, 10 / 3], [4, 0]]);
  expect(smooth([], 3)).toEqual([]);
});

test("a straight line stays as it is under smoothing", () => {
  const line = Array.from({ length: 50 }, (_, i): Point => [i, 2 * i + 1]);
  smooth(line, 7).forEach(([, y], i) => expect(y).toBeCloseTo(2 * i + 1, 12));
});

test("thinning keeps short curves and averages neighbours of long ones", () => {
  expect(thinned([[0, 1], [1, 2]], 2)).toEqual([[0, 1], [1, 2]]);
  expect(thinned([[0, 1], [1, 3], [2, 5], [3, 9]], 2)).toEqual([[0.5, 2], [2.5, 7]]);
});

test("stretches cover a list once, in lengths that differ by one at most", () => {
  expect(stretches([1, 2, 3, 4, 5, 6, 7], 3)).toEqual([[1, 2], [3, 4], [5, 6, 7]]);
  expect(stretches([1, 2], 5)).toEqual([[1], [2]]);
});
