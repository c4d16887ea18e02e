import { describe, expect, it } from "vitest";
import { exp } from "./exp.js";
import { activations } from "./activation.js";

describe("exp", () => {
  it("is right to half a unit in the last place of float32", () => {
    // The fifth term of the series, (ln(2) / 8)^5 / 120 = 4.1e-8, is the first that is left out.
    for (let x = -87; x < 88; x += 0.01) expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(5e-8);
    expect(exp(0)).toBe(1);
  });

  it("ends where float32 ends, and passes NaN on", () => {
    expect([-Infinity, -1e30, -104.5].map((x) => Math.fround(exp(x)))).toEqual([0, 0, 0]);
    expect([Infinity, 1e30, 88.8].map((x) => Math.fround(exp(x)))).toEqual([Infinity, Infinity, Infinity]);
    expect(exp(NaN)).toBeNaN();
  });
});

describe("activations", () => {
  it.each(Object.keys(activations))("%s has the slope of its value", (name) => {
    const { share, slope } = activations[name]!;
    const value = (x: number) => x * share(x);
    // The series behind gelu is good to 1e-7, so a difference over 2e-2 is good to 1e-5 and the cubic term to 1e-4.
    for (const x of [-6, -2.5, -0.7, 0.3, 1.1, 5]) expect(slope(x, share(x))).toBeCloseTo((value(x + 0.01) - value(x - 0.01)) / 0.02, 3);
  });

  it("gelu weighs by the normal distribution, silu by the logistic one", () => {
    expect(activations.gelu!.share(1)).toBeCloseTo(0.841344746, 6);
    expect(activations.gelu!.share(-2)).toBeCloseTo(0.022750132, 6);
    expect(activations.silu!.share(1)).toBeCloseTo(0.731058579, 6);
    expect(activations.relu!.share(-1)).toBe(0);
  });
});
