import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { domainInformation, explainedByToken, mutualInformation, shuffledInformation } from "./information.js";
import { RoutingRecorder } from "./routing-recorder.js";
import { draw } from "./testing/random-batch.js";

describe("mutualInformation", () => {
  it("is 1 bit where one coin tells the other, and 0 where it tells nothing", () => {
    expect(mutualInformation([[7, 0], [0, 7]]) / Math.LN2).toBeCloseTo(1, 12);
    expect(mutualInformation([[2, 4], [3, 6]])).toBeCloseTo(0, 12);
  });

  it("has the value worked by hand for [[3, 1], [1, 3]]", () => {
    // 2 * 3/8 ln(3/8 / (1/4)) + 2 * 1/8 ln(1/8 / (1/4)) = .75 ln 1.5 - .25 ln 2
    expect(mutualInformation([[3, 1], [1, 3]])).toBeCloseTo(0.75 * Math.log(1.5) - 0.25 * Math.LN2, 12);
  });

  it("subtracts (cells - rows - columns + 1) / (2 N) where asked to, of cells that are not empty", () => {
    const table = [[3, 1, 0], [1, 3, 0]];
    expect(mutualInformation(table) - mutualInformation(table, { millerMadow: true })).toBeCloseTo((4 - 2 - 2 + 1) / 16, 12);
  });

  it("equals the sum over cells, is the same both ways round, and never negative nor above the smaller entropy", () => {
    const table = fc.array(fc.array(fc.nat(20), { minLength: 3, maxLength: 3 }), { minLength: 2, maxLength: 5 }).filter((rows) => rows.flat().some((n) => n > 0));
    fc.assert(
      fc.property(table, (rows) => {
        const total = rows.flat().reduce((a, b) => a + b, 0);
        const rowShare = rows.map((row) => row.reduce((a, b) => a + b, 0) / total);
        const columnShare = [0, 1, 2].map((j) => rows.reduce((sum, row) => sum + row[j]!, 0) / total);
        let byCells = 0;
        rows.forEach((row, i) => row.forEach((count, j) => (byCells += count > 0 ? (count / total) * Math.log(count / total / (rowShare[i]! * columnShare[j]!)) : 0)));
        const information = mutualInformation(rows);
        expect(information).toBeCloseTo(byCells, 10);
        expect(mutualInformation([0, 1, 2].map((j) => rows.map((row) => row[j]!)))).toBeCloseTo(information, 10);
        expect(information).toBeGreaterThan(-1e-12);
        expect(information).toBeLessThan(Math.min(Math.log(3), Math.log(rows.length)) + 1e-12);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it("refuses to speak about nothing", () => {
    expect(() => mutualInformation([])).toThrow("the table must have at least one count; got none");
    expect(() => mutualInformation([[0, 0]])).toThrow("at least one count");
  });
});

describe("shuffledInformation", () => {
  it("is the exact mean over all ways to deal the labels, within the error of the draws", () => {
    // Two labels of two each, two choices of two each: 2 of 6 deals tell everything (ln 2), 4 nothing.
    expect(Math.abs(shuffledInformation([[2, 0], [0, 2]], { rounds: 3000 }) - Math.LN2 / 3)).toBeLessThan(0.025); // 4 * .47 ln 2 / sqrt(3000)
  });

  it("is near (rows - 1) (columns - 1) / (2 N), however strong the true dependence", () => {
    const strong = [[400, 0, 0], [0, 300, 0], [0, 0, 300]];
    const shuffled = shuffledInformation(strong, { rounds: 200 });
    expect(Math.abs(shuffled - 4 / 2000)).toBeLessThan(4 * (Math.sqrt(8) / 2000 / Math.sqrt(200))); // 2 N I is chi square of 4 degrees
    expect(mutualInformation(strong)).toBeGreaterThan(1);
  });

  it("depends on the seed only", () => {
    const table = [[5, 3], [2, 6]];
    expect(shuffledInformation(table, { seed: 1 })).toBe(shuffledInformation(table, { seed: 1 }));
    expect(shuffledInformation(table, { seed: 1 })).not.toBe(shuffledInformation(table, { seed: 2 }));
  });
});

function recorded(numExperts: number, expertIds: number[], facts: { domainIds?: number[]; tokenIds?: number[] }): RoutingRecorder {
  const recorder = new RoutingRecorder({ numLayers: 1, numExperts, numDomains: facts.domainIds && 2 });
  recorder.add({ numTokens: expertIds.length, expertIds: [expertIds], ...facts });
  return recorder;
}

describe("domainInformation", () => {
  const domainIds = draw(2000, 2, 1, "domain");

  it("is far above shuffled labels where domains have experts of their own, and at their level where they have not", () => {
    const apart = domainInformation(recorded(4, domainIds.map((d, t) => 2 * d + (t % 2)), { domainIds }), 0);
    expect(Math.abs(apart.information - Math.LN2)).toBeLessThan(0.01);
    expect(apart.shuffled).toBeLessThan(0.005);
    const alike = domainInformation(recorded(4, draw(2000, 4, 1, "expert"), { domainIds }), 0);
    expect(Math.abs(alike.information - alike.shuffled)).toBeLessThan(0.004);
  });

  it("names a layer or domains that were not recorded", () => {
    expect(() => domainInformation(recorded(2, [0], { domainIds: [0] }), 1)).toThrow("domainInformation: layer must be 0 to 0");
    expect(() => domainInformation(recorded(2, [0], {}), 0)).toThrow("at least one count");
  });
});

describe("explainedByToken", () => {
  const [numTokens, vocabSize, numExperts] = [20_000, 50, 8];
  const tokenIds = draw(numTokens, vocabSize, 1, "token");

  it("is 1 where the id alone decides", () => {
    // Each id has one cell: the corrections of ids and cells cancel.
    const fraction = explainedByToken(recorded(numExperts, tokenIds.map((id) => (id * 3) % numExperts), { tokenIds }), 0);
    expect(Math.abs(fraction - 1)).toBeLessThan(1e-9);
  });

  it("is near 0 where experts are chosen at random", () => {
    expect(Math.abs(explainedByToken(recorded(numExperts, draw(numTokens, numExperts, 2, "expert"), { tokenIds }), 0))).toBeLessThan(0.02);
  });

  it("is not a number where one expert has everything, and refuses a recording without token ids", () => {
    expect(explainedByToken(recorded(2, [0, 0], { tokenIds: [1, 2] }), 0)).toBeNaN();
    expect(() => explainedByToken(recorded(2, [0, 0], {}), 0)).toThrow("at least one count");
  });
});
