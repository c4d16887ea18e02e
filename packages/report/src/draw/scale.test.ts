import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { extent, linearScale, logScale } from "./scale.js";

describe("linearScale", () => {
  test("maps the ends of the domain to the ends of the range, with round ticks inside", () => {
    const scale = linearScale([0, 10], [100, 0]);
    expect([scale(0), scale(10), scale(2.5)]).toEqual([100, 0, 75]);
    expect(scale.ticks).toEqual([0, 2, 4, 6, 8, 10]);
    expect(linearScale([1, 900], [0, 1]).ticks).toEqual([200, 400, 600, 800]);
    expect(linearScale([-0.012, 0.031], [0, 1]).ticks).toEqual([-0.01, 0, 0.01, 0.02, 0.03]);
  });

  test("draws an empty domain in the middle", () => {
    const scale = linearScale([3, 3], [0, 100]);
    expect([scale(3), scale.ticks]).toEqual([50, [3]]);
  });

  test("has 2 to 11 ascending ticks within any domain, at multiples of their distance", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (low, span) => {
        const { ticks } = linearScale([low, low + span], [0, 1]);
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(11);
        const step = ticks[1]! - ticks[0]!;
        for (const [i, tick] of ticks.entries()) {
          // Ticks keep 12 digits, so they may stand past the ends by rounding.
          expect(tick).toBeGreaterThanOrEqual(low - span * 1e-6);
          expect(tick).toBeLessThanOrEqual(low + span * (1 + 1e-6));
          if (i) expect(tick - ticks[i - 1]!).toBeCloseTo(step, 5);
        }
      }),
      { seed: 1 },
    );
  });
});

describe("logScale", () => {
  test("has ticks at powers of ten in long domains, at 1, 2 and 5 in short ones, and linear ones where those are too few", () => {
    expect(logScale([1, 1000], [0, 3])(100)).toBeCloseTo(2, 12);
    expect(logScale([1, 1000], [0, 3]).ticks).toEqual([1, 10, 100, 1000]);
    expect(logScale([0.9, 120], [0, 3]).ticks).toEqual([1, 2, 5, 10, 20, 50, 100]);
    expect(logScale([3.1, 4.6], [0, 1]).ticks).toEqual([3.5, 4, 4.5]);
  });

  test("draws values below the domain at its lower end", () => {
    expect(logScale([1, 10], [0, 1])(0)).toBe(0);
  });
});

test("extent ignores what is not finite and has a fallback", () => {
  expect(extent([3, NaN, 1, Infinity])).toEqual([1, 3]);
  expect(extent([NaN], [2, 5])).toEqual([2, 5]);
});
