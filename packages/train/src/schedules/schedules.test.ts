import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { constant, cosine, inverseSqrt, wsd, type WsdDecay } from "./index.js";

describe("wsd", () => {
  const run = (decay: WsdDecay) => wsd({ peak: 1, steps: 1000, warmup: 100, decayRatio: 0.2, decay });

  it("gives the factors of the recipe with linear decay", () => {
    // d = 200, stable = 1000 + 1 - 100 - 200 = 701, so the decay begins at step 801 with q = 1/200.
    const at = [0, 49, 99, 100, 800, 801, 900, 999].map(run("linear"));
    const want = [0.01, 0.5, 1, 1, 1, 0.995, 0.5, 0.005];
    at.forEach((value, i) => expect(value).toBeCloseTo(want[i]!, 12));
  });

  it("gives the factors of the recipe with square-root decay", () => {
    const at = [801, 900, 999].map(run("sqrt"));
    [0.929289, 0.292893, 0.002503].forEach((want, i) => expect(at[i]).toBeCloseTo(want, 6));
  });

  it("is halfway down in the middle of a cosine decay", () => expect(run("cosine")(900)).toBeCloseTo(0.5, 12));

  it("stays at the floor after the last step", () => expect(wsd({ peak: 1, steps: 10, floor: 0.25 })(99)).toBe(0.25));

  it("names an unknown decay and the known ones", () => {
    expect(() => wsd({ peak: 1, steps: 10, decay: "steep" as WsdDecay })).toThrow(/"steep"; known names are cosine, linear, sqrt/);
  });

  it("refuses warmup and decay that do not fit into the run", () => {
    expect(() => wsd({ peak: 1, steps: 10, warmup: 9, decayRatio: 0.2 })).toThrow(/wsd: steps must be a number of at least 11; got 10/);
  });
});

describe("cosine", () => {
  it("gives the rates of the recipe", () => {
    const schedule = cosine({ peak: 1e-3, floor: 1e-4, steps: 5000, warmup: 100 });
    const want: [number, number][] = [[0, 9.9009901e-6], [99, 9.9009901e-4], [100, 1e-3], [2550, 5.5e-4], [5000, 1e-4], [6000, 1e-4]];
    for (const [step, rate] of want) expect(schedule(step)).toBeCloseTo(rate, 11);
  });

  it("ends at a tenth of the peak unless told otherwise", () => expect(cosine({ peak: 1, steps: 8 })(8)).toBeCloseTo(0.1, 12));
});

describe("inverseSqrt and constant", () => {
  it("inverseSqrt is 0.01 up to step 10000 for c = 1, and half of it at four times the step", () => {
    const schedule = inverseSqrt({ scale: 1, warmup: 10_000 });
    expect([0, 10_000, 40_000].map(schedule)).toEqual([0.01, 0.01, 0.005]);
  });

  it("constant rises linearly and then stays", () => expect([0, 1, 2, 3, 100].map(constant({ peak: 8, warmup: 4 }))).toEqual([2, 4, 6, 8, 8]));

  it("refuses negative rates", () => expect(() => constant({ peak: -1 })).toThrow(/constant: peak must be a number of at least 0; got -1/));
});

it("every schedule stays between zero and its peak", () => {
  const peak = 3;
  const schedules = [cosine({ peak, steps: 200, warmup: 20 }), wsd({ peak, steps: 200, warmup: 20, decay: "sqrt" }), constant({ peak, warmup: 7 }), inverseSqrt({ scale: peak, warmup: 1 })];
  fc.assert(fc.property(fc.nat(400), (step) => schedules.every((schedule) => schedule(step) >= 0 && schedule(step) <= peak)));
});
