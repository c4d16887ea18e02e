import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coefficientOfVariation, deadExperts, dropRate, loadMetrics, maxVio, minVio, normalisedEntropy } from "./load-metrics.js";

describe("load metrics", () => {
  it("have the values worked by hand for [5, 3, 2, 2]", () => {
    // mean 3, deviations 2, 0, -1, -1; shares 5/12, 3/12, 2/12, 2/12
    const metrics = loadMetrics(new Float32Array([5, 3, 2, 2]));
    expect(metrics.maxVio).toBeCloseTo(0.666667, 6);
    expect(metrics.minVio).toBeCloseTo(0.333333, 6);
    expect(metrics.coefficientOfVariation).toBeCloseTo(0.408248, 6);
    expect(metrics.normalisedEntropy).toBeCloseTo(0.943959, 6);
    expect(metrics.effectiveExperts).toBeCloseTo(4 ** 0.943959, 5);
    expect(metrics.l1Imbalance).toBeCloseTo(2 / 12, 6); // (2 + 0 + 1 + 1) / 12 / 2
    expect(metrics.deadExperts).toBe(0);
  });

  it("have the values worked by hand for [3, 3, 2]", () => {
    expect(maxVio([3, 3, 2])).toBeCloseTo(0.125, 6);
    expect(minVio([3, 3, 2])).toBeCloseTo(0.25, 6);
    expect(coefficientOfVariation([3, 3, 2])).toBeCloseTo(0.176777, 6);
    expect(normalisedEntropy([3, 3, 2])).toBeCloseTo(0.985057, 6);
  });

  it("find the worst case where one expert has everything", () => {
    expect(loadMetrics([8, 0, 0, 0])).toEqual({ maxVio: 3, minVio: 1, coefficientOfVariation: Math.sqrt(3), normalisedEntropy: 0, effectiveExperts: 1, l1Imbalance: 0.75, deadExperts: 3 });
  });

  it("call an expert dead below a tenth of an even share, or below another fraction", () => {
    expect(deadExperts([100, 100, 100, 7])).toBe(1); // even share 76.75
    expect(deadExperts([100, 100, 100, 8])).toBe(0);
    expect(deadExperts([100, 100, 100, 7], 0.01)).toBe(0);
  });

  it("give the part of choices that was dropped", () => expect(dropRate(4, 8)).toBe(0.5));

  it("call a single expert perfectly loaded", () => expect(loadMetrics([7])).toEqual({ maxVio: 0, minVio: 0, coefficientOfVariation: 0, normalisedEntropy: 1, effectiveExperts: 1, l1Imbalance: 0, deadExperts: 0 }));

  it("refuse to speak about nothing", () => {
    expect(() => maxVio([0, 0])).toThrow("maxVio: counts must have at least one choice; got 2 counts with the sum 0.");
    expect(() => loadMetrics([])).toThrow("got 0 counts");
    expect(() => normalisedEntropy([NaN, 1])).toThrow("the sum NaN");
    expect(() => dropRate(0, 0)).toThrow("chosen must be above 0");
  });

  it("stay in their ranges, do not mind the order of experts or the unit, and are best for an even load", () => {
    const counts = fc.array(fc.nat(1000), { minLength: 2, maxLength: 16 }).filter((c) => c.some((x) => x > 0));
    fc.assert(
      fc.property(counts, fc.integer({ min: 2, max: 50 }), (c, unit) => {
        const metrics = loadMetrics(c);
        const scaled = loadMetrics(c.map((x) => x * unit).reverse());
        for (const [name, value] of Object.entries(metrics)) expect(scaled[name as keyof typeof scaled]).toBeCloseTo(value, 9);
        const slack = 1e-9;
        expect(metrics.maxVio).toBeGreaterThanOrEqual(-slack);
        expect(metrics.maxVio).toBeLessThanOrEqual(c.length - 1 + slack);
        expect(metrics.normalisedEntropy).toBeLessThanOrEqual(1 + slack);
        expect(metrics.effectiveExperts).toBeLessThanOrEqual(c.length + slack);
        expect(metrics.l1Imbalance).toBeLessThanOrEqual(1 - 1 / c.length + slack);
        expect(loadMetrics(c.map(() => unit))).toMatchObject({ maxVio: 0, minVio: 0, coefficientOfVariation: 0, l1Imbalance: 0, deadExperts: 0 });
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});
