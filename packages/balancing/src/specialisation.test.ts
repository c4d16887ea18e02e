import { describe, expect, it } from "vitest";
import { RoutingRecorder } from "./routing-recorder.js";
import { chanceMaxShare, domainSpecialisation, topTokens, vocabularySpecialisation } from "./specialisation.js";
import { draw, randomChoices } from "./testing/random-batch.js";

/** Four tokens, three experts, two choices each: domain 0 is tokens 0 and 1, domain 1 is 2 and 3; domain 2 is empty. */
function worked(): RoutingRecorder {
  const recorder = new RoutingRecorder({ numLayers: 1, numExperts: 3, numDomains: 3 });
  recorder.add({ numTokens: 4, expertIds: [[0, 1, 0, 2, 2, 1, 1, 2]], domainIds: [0, 0, 1, 1], tokenIds: [5, 5, 5, 8] });
  return recorder;
}

describe("domainSpecialisation", () => {
  it("is the fraction of a domain's tokens that use an expert, as worked by hand", () => {
    expect(domainSpecialisation(worked(), 0)).toEqual([[1, 0.5, 0.5], [0, 1, 1], [0, 0, 0]]);
    expect(domainSpecialisation(worked(), 0, { top1: true })).toEqual([[1, 0, 0], [0, 0.5, 0.5], [0, 0, 0]]);
  });

  it("has rows that sum to k, or to 1 for best experts; near k / E for experts chosen at random", () => {
    const [numTokens, numExperts, topK] = [20_000, 8, 2];
    const recorder = new RoutingRecorder({ numLayers: 1, numExperts, numDomains: 2 });
    recorder.add({ numTokens, expertIds: randomChoices({ numTokens, numLayers: 1, numExperts, topK }, 1), domainIds: draw(numTokens, 2, 1, "domain") });
    for (const row of domainSpecialisation(recorder, 0)) {
      expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(topK, 10);
      // 10,000 tokens a domain: standard error sqrt(.25 * .75 / 10,000) = .0043
      for (const value of row) expect(Math.abs(value - topK / numExperts)).toBeLessThan(4 * 0.0043);
    }
    for (const row of domainSpecialisation(recorder, 0, { top1: true })) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
  });

  it("names a layer that was not recorded", () => expect(() => domainSpecialisation(worked(), 2)).toThrow("domainSpecialisation: layer must be 0 to 0"));
});

describe("vocabularySpecialisation", () => {
  it("is the share of an id's most frequent best expert, averaged over ids without weights", () => {
    // Id 5 goes to experts 0, 0, 2; id 8 to 1.
    const { mean, tokens } = vocabularySpecialisation(worked(), 0);
    expect(tokens).toEqual([{ tokenId: 8, count: 1, expertId: 1, share: 1 }, { tokenId: 5, count: 3, expertId: 0, share: 2 / 3 }]);
    expect(mean).toBeCloseTo(5 / 6, 12);
  });

  it("leaves rare ids out where asked to, and has no mean of none", () => {
    expect(vocabularySpecialisation(worked(), 0, { minCount: 2 }).tokens.map(({ tokenId }) => tokenId)).toEqual([5]);
    expect(vocabularySpecialisation(worked(), 0, { minCount: 9 })).toEqual({ mean: NaN, tokens: [] });
  });

  it("is 1 for every id where the id alone decides, and the chance level where nothing does", () => {
    const [numTokens, vocabSize, numExperts] = [20_000, 1000, 8];
    const tokenIds = draw(numTokens, vocabSize, 2, "token");
    const recorded = (ids: number[]) => {
      const recorder = new RoutingRecorder({ numLayers: 1, numExperts });
      recorder.add({ numTokens, expertIds: [ids], tokenIds });
      return vocabularySpecialisation(recorder, 0);
    };
    expect(recorded(tokenIds.map((id) => (id * 7) % numExperts)).tokens.every(({ share }) => share === 1)).toBe(true);
    const { mean, tokens } = recorded(draw(numTokens, numExperts, 3, "expert"));
    const counts = tokens.map(({ count }) => count);
    const levels = new Map([...new Set(counts)].map((count) => [count, chanceMaxShare(count, numExperts)]));
    const chance = counts.reduce((sum, count) => sum + levels.get(count)!, 0) / counts.length;
    expect(Math.abs(mean - chance)).toBeLessThan(0.01);
    expect(mean).toBeGreaterThan(1 / numExperts + 0.1); // which is why 1 / E is not the level to compare with
  });
});

describe("topTokens", () => {
  it("lists the ids that go to an expert most often, with their part of the id's occurrences", () => {
    expect(topTokens(worked(), 0, 0)).toEqual([{ tokenId: 5, count: 2, expertId: 0, share: 2 / 3 }]);
    expect(topTokens(worked(), 0, 2, 1)).toEqual([{ tokenId: 5, count: 1, expertId: 2, share: 1 / 3 }]);
    expect(topTokens(worked(), 0, 0, 0)).toEqual([]);
  });

  it("puts the more frequent first and ties in the order of ids", () => {
    const recorder = new RoutingRecorder({ numLayers: 1, numExperts: 1 });
    recorder.add({ numTokens: 4, expertIds: [[0, 0, 0, 0]], tokenIds: [9, 3, 4, 4] });
    expect(topTokens(recorder, 0, 0).map(({ tokenId }) => tokenId)).toEqual([4, 3, 9]);
  });

  it("names an expert that there is not", () => expect(() => topTokens(worked(), 0, 3)).toThrow("topTokens: expertId must be 0 to 2; got 3."));
});

describe("chanceMaxShare", () => {
  it("is 1 for one occurrence, and 3/4 for two among two experts", () => {
    expect(chanceMaxShare(1, 8)).toBe(1);
    // Same expert in 1 of 2 cases: (1 + 1/2) / 2. Standard error .25 / sqrt(10,000) = .0025
    expect(Math.abs(chanceMaxShare(2, 2, { draws: 10_000 }) - 0.75)).toBeLessThan(4 * 0.0025);
  });

  it("falls towards 1 / E for frequent ids, and depends on the seed only", () => {
    expect(chanceMaxShare(2000, 4, { draws: 50 })).toBeLessThan(0.28);
    expect(chanceMaxShare(10, 8, { seed: 1 })).toBe(chanceMaxShare(10, 8, { seed: 1 }));
    expect(chanceMaxShare(10, 8, { seed: 1 })).not.toBe(chanceMaxShare(10, 8, { seed: 2 }));
  });
});
