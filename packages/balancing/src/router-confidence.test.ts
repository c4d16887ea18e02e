import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { routerConfidence } from "./router-confidence.js";
import { softmax64 } from "./testing/layer-routing.js";

describe("routerConfidence", () => {
  it("has the values worked by hand for two tokens", () => {
    const { meanMaxProb, conditionalEntropy, marginalEntropy, mutualInformation } = routerConfidence([0.5, 0.5, 1, 0], 2);
    expect(meanMaxProb).toBeCloseTo(0.75, 12);
    expect(conditionalEntropy).toBeCloseTo(Math.LN2 / 2, 12);
    expect(marginalEntropy).toBeCloseTo(-0.75 * Math.log(0.75) - 0.25 * Math.log(0.25), 12);
    expect(mutualInformation).toBeCloseTo(marginalEntropy - conditionalEntropy, 12);
  });

  it("tells a sure router with even load from one that never knows", () => {
    expect(routerConfidence(new Float32Array([1, 0, 0, 1]), 2)).toEqual({ meanMaxProb: 1, conditionalEntropy: 0, marginalEntropy: Math.LN2, mutualInformation: Math.LN2 });
    const unsure = routerConfidence([0.5, 0.5, 0.5, 0.5], 2);
    expect([unsure.meanMaxProb, unsure.mutualInformation]).toEqual([0.5, 0]);
  });

  it("never has negative information, nor entropies above ln E", () => {
    const logits = fc.array(fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(logits, (rows) => {
        const { meanMaxProb, conditionalEntropy, marginalEntropy, mutualInformation } = routerConfidence(rows.flatMap(softmax64), 4);
        expect(meanMaxProb).toBeGreaterThanOrEqual(0.25 - 1e-9);
        expect(conditionalEntropy).toBeLessThanOrEqual(marginalEntropy + 1e-9);
        expect(marginalEntropy).toBeLessThanOrEqual(Math.log(4) + 1e-9);
        expect(mutualInformation).toBeGreaterThanOrEqual(-1e-9);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it("refuses what is not [T, E]", () => {
    expect(() => routerConfidence([1, 0, 1], 2)).toThrow("probs must be [T * E] with E = 2 and T at least 1; got 3 numbers");
    expect(() => routerConfidence([], 2)).toThrow("got 0 numbers");
  });
});
