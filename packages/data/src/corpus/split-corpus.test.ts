import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Domain } from "./load-corpus.js";
import { splitCorpus } from "./split-corpus.js";

const lines = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(4, "0")}`);

describe("splitCorpus", () => {
  test("holds out the end of each stretch, cut at line ends", () => {
    // 20 lines of 5 characters with their line ends, 2 stretches of 10 lines, 20 % held out: 2 lines each. The first cut, at
    // character 40 of 99 (0.8 * 49.5 = 39.6 rounded down: 39), falls on the end of line 8.
    const text = lines(20, "").map((line) => line.slice(-4)).join("\n");
    const { train, validation } = splitCorpus([{ name: "a", documents: [text] }], { validationFraction: 0.2, chunks: 2 });
    expect(validation[0]!.documents).toEqual(["0008\n0009", "0018\n0019"]);
    expect(train[0]!.documents).toEqual([lines(8, "").join("\n"), lines(18, "").slice(10).join("\n")]);
  });

  test("a chunk may span documents, which stay apart", () => {
    const documents = lines(10, "line ");
    const { train, validation } = splitCorpus([{ name: "a", documents }], { validationFraction: 0.3, chunks: 1 });
    expect(train[0]!.documents).toEqual(documents.slice(0, 7));
    expect(validation[0]!.documents).toEqual(documents.slice(7));
  });

  test("long lines are cut between words", () => {
    const text = Array.from({ length: 2000 }, (_, i) => `w${i}`).join(" ");
    const { train, validation } = splitCorpus([{ name: "a", documents: [text] }]);
    const words = [...train[0]!.documents, ...validation[0]!.documents].flatMap((part) => part.split(" "));
    expect([...words].sort()).toEqual(text.split(" ").sort());
    expect(validation[0]!.documents).toHaveLength(5);
  });

  test("every line is in exactly one part, in its order, and the held-out share is close to what was asked", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 20, max: 200 }), { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 4 }), fc.double({ min: 0.1, max: 0.5, noNaN: true }), (sizes, chunks, fraction) => {
        const documents = sizes.map((size, i) => lines(size, `${i}:`).join("\n"));
        const domain: Domain = { name: "a", documents };
        const split = splitCorpus([domain], { validationFraction: fraction, chunks });
        const [kept, held] = [split.train, split.validation].map(([part]) => part!.documents.flatMap((text) => text.split("\n"))) as [string[], string[]];
        const all = documents.flatMap((text) => text.split("\n"));
        expect([...kept, ...held].sort()).toEqual([...all].sort());
        const place = new Map(all.map((line, i) => [line, i]));
        for (const part of [kept, held]) expect(part.every((line, i) => i === 0 || place.get(line)! > place.get(part[i - 1]!)!)).toBe(true);
        // Each of the chunks is off by at most one line at each end.
        expect(Math.abs(held.length - fraction * all.length)).toBeLessThanOrEqual(2 * chunks + 0.2 * all.length * fraction);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  test("a domain too short to fill both parts, an empty corpus and options out of range are errors", () => {
    expect(() => splitCorpus([{ name: "tiny", documents: ["word"] }])).toThrow('domain "tiny" is too short (4 characters)');
    expect(() => splitCorpus([])).toThrow("the corpus is empty");
    expect(() => splitCorpus([], { validationFraction: 1 })).toThrow("validationFraction must be between 0 and 1; got 1");
    expect(() => splitCorpus([], { chunks: 0 })).toThrow("chunks must be a positive integer; got 0");
  });
});
