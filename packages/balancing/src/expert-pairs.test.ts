import { describe, expect, it } from "vitest";
import { coActivation, crossLayerAffinity, nextExpertPredictability, routerSaturation } from "./expert-pairs.js";
import { RoutingRecorder } from "./routing-recorder.js";
import { draw, randomChoices } from "./testing/random-batch.js";

const rowSums = (matrix: number[][]) => matrix.map((row) => row.reduce((a, b) => a + b, 0));
const near = (got: number[], want: number) => got.forEach((value) => expect(value).toBeCloseTo(want, 12));

function recorded(numExperts: number, numTokens: number, ...expertIds: number[][]): RoutingRecorder {
  const recorder = new RoutingRecorder({ numLayers: expertIds.length, numExperts });
  recorder.add({ numTokens, expertIds });
  return recorder;
}

describe("coActivation", () => {
  const recorder = recorded(4, 4, [0, 1, 2, 0, 2, 3, 1, 2, 3, 0, 1, 3]);

  it("is 2/3 for every pair on the rows worked by hand, and its rows sum to k - 1", () => {
    const matrix = coActivation(recorder, 0);
    matrix.forEach((row, i) => row.forEach((value, j) => expect(value).toBeCloseTo(i === j ? 0 : 2 / 3, 12)));
    near(rowSums(matrix), 2);
  });

  it("counts neighbours in rank only where asked to", () => {
    const [a, b] = [1 / 3, 2 / 3];
    coActivation(recorder, 0, { adjacentOnly: true }).forEach((row, i) => {
      const want = [[0, b, a, 0], [b, 0, b, a], [a, b, 0, b], [0, a, b, 0]][i]!;
      row.forEach((value, j) => expect(value).toBeCloseTo(want[j]!, 12));
    });
  });

  it("is not symmetric, and 0 for an expert without tokens", () => {
    expect(coActivation(recorded(4, 3, [0, 1, 0, 2, 0, 1]), 0)).toEqual([[0, 2 / 3, 1 / 3, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]);
  });

  it("names a layer that was not recorded", () => expect(() => coActivation(recorder, 1)).toThrow("coActivation: layer must be 0 to 0, counted in the order of the trace; got 1."));
});

describe("crossLayerAffinity", () => {
  it("is the fraction of an expert's tokens that use another one later, as worked by hand", () => {
    const recorder = recorded(3, 3, [0, 1, 0, 2, 0, 1], [2, 1, 2, 0, 1, 0]);
    // Expert 0 has all three tokens, of which 2, 2, 2 use 0, 1, 2 later; expert 1 has tokens 0 and 2; expert 2 has token 1.
    expect(crossLayerAffinity(recorder, 0, 1)).toEqual([[2 / 3, 2 / 3, 2 / 3], [0.5, 1, 0.5], [1, 0, 1]]);
    // Best experts: 0 to 2, 0 to 2, 0 to 1.
    expect(crossLayerAffinity(recorder, 0, 1, { top1: true })).toEqual([[0, 1 / 3, 2 / 3], [0, 0, 0], [0, 0, 0]]);
  });

  it("has rows that sum to k, or to 1 for best experts", () => {
    const recorder = recorded(6, 200, ...randomChoices({ numTokens: 200, numLayers: 2, numExperts: 6, topK: 3 }, 1));
    near(rowSums(crossLayerAffinity(recorder, 0, 1)), 3);
    near(rowSums(crossLayerAffinity(recorder, 0, 1, { top1: true })), 1);
  });

  it("names a pair of layers that was not recorded, and those that were", () => {
    expect(() => crossLayerAffinity(recorded(2, 1, [0], [1], [0]), 0, 2)).toThrow("the pair of layers 0, 2 was not recorded; recorded are 0, 1; 1, 2. Name it in layerPairs.");
  });
});

describe("nextExpertPredictability", () => {
  it("is the accuracy of guessing the most frequent successor, beside always guessing the most used expert", () => {
    // 0 to 1, 0 to 1, 0 to 2, 1 to 0: right in 2 + 1 of 4; expert 1 is used in 2 of 4.
    expect(nextExpertPredictability(recorded(3, 4, [0, 0, 0, 1], [1, 1, 2, 0]), 0, 1)).toEqual({ accuracy: 0.75, baseline: 0.5 });
  });

  it("is 1 if the next layer repeats a permutation, and refuses to speak about nothing", () => {
    expect(nextExpertPredictability(recorded(3, 3, [0, 1, 2], [2, 0, 1]), 0, 1)).toEqual({ accuracy: 1, baseline: 1 / 3 });
    expect(() => nextExpertPredictability(recorded(3, 1, [-1], [0]), 0, 1)).toThrow("at least one token must use experts in both of the layers 0 and 1; got none");
  });
});

describe("routerSaturation", () => {
  const then = [0, 1, 2, 3, 0, 2, 1, 3];
  const now = [0, 1, 2, 0, 3, 2, 1, 3];

  it("is .75 of all and of best experts on the rows worked by hand", () => {
    expect(routerSaturation(then, now, 2)).toBe(0.75);
    expect(routerSaturation(then, now, 2, { top1: true })).toBe(0.75);
  });

  it("does not mind the order of choices, unless best experts are compared", () => {
    expect([routerSaturation([0, 1], [1, 0], 2), routerSaturation([0, 1], [1, 0], 2, { top1: true })]).toEqual([1, 0]);
  });

  it("is 1 for equal choices, and an empty slot matches nothing", () => {
    expect(routerSaturation(new Int32Array(then), new Int32Array(then), 2)).toBe(1);
    expect(routerSaturation([-1, 0], [-1, 0], 2)).toBe(0.5);
  });

  it("is k / E for independent choices", () => {
    const draws = 4000;
    const pairs = (stream: string) => draw(draws, 8, 1, stream).flatMap((first) => [first, (first + 1) % 8]);
    // Two neighbours on a ring of 8: the overlap is 2 in 1 case, 1 in 2, of 8: mean 1/2, variance 3/4 - 1/4, so the mean over tokens / 2 has
    // a standard error of sqrt(1/2 / 4000) / 2 = .0056
    expect(Math.abs(routerSaturation(pairs("then"), pairs("now"), 2) - 2 / 8)).toBeLessThan(3 * 0.0056);
  });

  it("refuses choices that do not belong together", () => {
    expect(() => routerSaturation([0, 1], [0], 1)).toThrow("both must hold T * K ids with K = 1; got 2 and 1");
    expect(() => routerSaturation([0, 1, 2], [0, 1, 2], 2)).toThrow("K = 2; got 3 and 3");
    expect(() => routerSaturation([], [], 2)).toThrow("got 0 and 0");
    expect(() => routerSaturation([0], [0], 0)).toThrow("topK must be a whole number from 1 up; got 0");
  });
});
