import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { estimateDiscounts } from "./discounts.js";
import { GramTable } from "./gram-table.js";
import { trainKneserNey } from "./kneser-ney.js";

/** The definition over lists of grams as strings; V is the padding symbol. */
function slowProbability(streams: number[][], order: number, vocabSize: number) {
  const padded = streams.map((tokens) => [...Array<number>(order - 1).fill(vocabSize), ...tokens]);
  const occurrences = (k: number) => padded.flatMap((tokens) => tokens.slice(order - 1).map((_, i) => tokens.slice(i + order - k, i + order)));
  const tables = Array.from({ length: order }, (_, i) => {
    const k = i + 1;
    const longer = new Set(occurrences(Math.min(k + 1, order)).map((gram) => gram.join()));
    const grams = k === order ? occurrences(k) : [...longer].map((gram) => gram.split(",").slice(1).map(Number));
    const counts = new Map<string, number>();
    for (const gram of grams) counts.set(gram.join(), (counts.get(gram.join()) ?? 0) + 1);
    return counts;
  });
  const discounts = tables.map((counts) => estimateDiscounts(Int32Array.from(counts.values())));
  const p = (context: number[], token: number): number => {
    const shorter = context.length === 0 ? 1 / vocabSize : p(context.slice(1), token);
    const after = Array.from({ length: vocabSize }, (_, w) => tables[context.length]!.get([...context, w].join()) ?? 0);
    const total = after.reduce((sum, c) => sum + c, 0);
    if (total === 0) return shorter;
    const discount = (c: number) => (c === 0 ? 0 : discounts[context.length]![Math.min(c, 3) - 1]!);
    const left = after.reduce((sum, c) => sum + discount(c), 0) / total;
    return (after[token]! - discount(after[token]!)) / total + left * shorter;
  };
  return (context: number[], token: number) => p([...Array<number>(order - 1).fill(vocabSize), ...context].slice(context.length), token);
}

const corpus = fc.integer({ min: 2, max: 5 }).chain((vocabSize) =>
  fc.record({
    vocabSize: fc.constant(vocabSize),
    order: fc.integer({ min: 1, max: 5 }),
    streams: fc.array(fc.array(fc.nat(vocabSize - 1), { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 3 }),
    context: fc.array(fc.nat(vocabSize - 1), { maxLength: 6 }),
  }),
);

describe("trainKneserNey", () => {
  test("a bigram model worked by hand", () => {
    // Stream 0 1 0 with the padding symbol 2 before it: bigrams 20, 01, 10, each once. No count of 2 is there, so D = 0.5, 1, 1.5.
    const model = trainKneserNey([Int32Array.of(0, 1, 0)], { order: 2, vocabSize: 2 });
    // Unigrams count the tokens before them: 0 follows 2 and 1 (count 2), 1 follows 0 (count 1); 3 in all.
    // p(0) = (2 - 1)/3 + (1 + 0.5)/3 * 1/2 = 7/12; p(1) = (1 - 0.5)/3 + 1/4 = 5/12.
    // p(1 | 0) = (1 - 0.5)/1 + 0.5/1 * 5/12 = 17/24; p(0 | 0) = 0.5 * 7/12 = 7/24.
    expect(model.probability([0], 1)).toBeCloseTo(17 / 24, 14);
    expect(model.probability([0], 0)).toBeCloseTo(7 / 24, 14);
    // At the start of a stream, after padding: p(0) = 0.5 + 0.5 * 7/12 = 19/24.
    expect(model.probability([], 0)).toBeCloseTo(19 / 24, 14);
    expect(model.nats(Int32Array.of(0, 1), 1)).toBeCloseTo(-Math.log(17 / 24), 14);
  });

  test("a unigram model counts occurrences, worked by hand", () => {
    // 0 three times, 1 once, D = 0.5, 1, 1.5: p(0) = 1.5/4 + 2/4 * 1/4 = 1/2; p(1) = 0.5/4 + 1/8 = 1/4; p(2) = p(3) = 1/8.
    const model = trainKneserNey([Int32Array.of(0, 0, 1, 0)], { order: 1, vocabSize: 4 });
    expect([0, 1, 2, 3].map((token) => model.probability([], token))).toEqual([0.5, 0.25, 0.125, 0.125]);
  });

  test("equals the definition computed from lists of grams", () => {
    fc.assert(
      fc.property(corpus, ({ vocabSize, order, streams, context }) => {
        const model = trainKneserNey(streams.map((tokens) => Int32Array.from(tokens)), { order, vocabSize });
        const slow = slowProbability(streams, order, vocabSize);
        // The same few float64 operations in another order.
        for (let token = 0; token < vocabSize; token++) expect(model.probability(context, token)).toBeCloseTo(slow(context, token), 12);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("probabilities are positive and sum to 1 after any context, seen or not", () => {
    fc.assert(
      fc.property(corpus, fc.array(fc.nat(1), { maxLength: 6 }), ({ vocabSize, order, streams, context }, other) => {
        const model = trainKneserNey(streams.map((tokens) => Int32Array.from(tokens)), { order, vocabSize: vocabSize + 3 });
        for (const history of [context, other, [...context, vocabSize + 2]]) {
          const p = Array.from({ length: vocabSize + 3 }, (_, token) => model.probability(history, token));
          expect(Math.min(...p)).toBeGreaterThan(0);
          expect(p.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
        }
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  test("only the last order - 1 tokens count", () => {
    const model = trainKneserNey([Int32Array.of(0, 1, 2, 0, 1, 1, 2)], { order: 3, vocabSize: 3 });
    expect(model.probability([2, 2, 0, 1], 2)).toBe(model.probability([0, 1], 2));
    const tokens = Int32Array.of(2, 2, 0, 1, 2);
    expect(model.nats(tokens, 4)).toBe(-Math.log(model.probability([0, 1], 2)));
  });

  test("longer contexts predict a text with long repetitions better", () => {
    const phrase = [0, 1, 0, 2, 0, 1, 1, 3];
    const tokens = Int32Array.from({ length: 400 }, (_, i) => phrase[i % 8]!);
    const nats = [1, 2, 3, 5].map((order) => trainKneserNey([tokens], { order, vocabSize: 4 }).nats(tokens, 397));
    expect([...nats].sort((a, b) => b - a)).toEqual(nats);
  });

  test("no tokens, ids out of range and impossible options are errors", () => {
    expect(() => trainKneserNey([new Int32Array(0)], { order: 2, vocabSize: 4 })).toThrow("the corpus is empty");
    expect(() => trainKneserNey([Int32Array.of(1, 4)], { order: 2, vocabSize: 4 })).toThrow("token ids must be below vocabSize 4; got 4");
    expect(() => trainKneserNey([Int32Array.of(1)], { order: 0, vocabSize: 4 })).toThrow("order must be a positive integer; got 0");
  });
});

describe("estimateDiscounts", () => {
  test("follows Chen and Goodman, worked by hand", () => {
    // n1 = 6, n2 = 3, n3 = 2, n4 = 1: Y = 6 / (6 + 6) = 1/2; D1 = 1 - 2 Y 3/6 = 1/2; D2 = 2 - 3 Y 2/3 = 1; D3 = 3 - 4 Y 1/2 = 2.
    expect(estimateDiscounts(Int32Array.of(1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 9))).toEqual([0.5, 1, 2]);
  });

  test("falls back to 0.5, 1, 1.5 where a count of counts is zero", () => {
    expect(estimateDiscounts(Int32Array.of(1, 1, 2, 3))).toEqual([0.5, 1, 1.5]);
  });
});

describe("GramTable", () => {
  test("numbers keys in the order they come, as a Map does, also beyond 32 bits and after growing", () => {
    const table = new GramTable();
    const map = new Map<number, number>();
    for (let i = 0; i < 20_000; i++) {
      const key = ((i * 7919) % 6007) * 1025 * 4099 * 97 + (i % 3);
      if (!map.has(key)) map.set(key, map.size);
      expect(table.add(key)).toBe(map.get(key));
    }
    expect(table.size).toBe(map.size);
    for (const [key, id] of map) expect([table.find(key), table.keys[id]]).toEqual([id, key]);
    expect(table.find(2 ** 52)).toBe(-1);
  });
});
