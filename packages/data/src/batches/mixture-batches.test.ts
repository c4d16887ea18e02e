import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { TokenStream } from "../corpus/tokenize-corpus.js";
import type { Batch } from "./batch.js";
import { MixtureBatches } from "./mixture-batches.js";
import { permutation } from "./permutation.js";
import { ShuffledWindows } from "./shuffled-windows.js";

/** Tokens that tell their stream and place: 1000 * stream + place. */
const stream = (index: number, length: number): TokenStream => ({ name: `domain${index}`, tokens: Int32Array.from({ length }, (_, i) => 1000 * index + i), endOfText: 0 });
const streams = [stream(0, 103), stream(1, 57), stream(2, 21)];
const take = (source: MixtureBatches, count: number): Batch[] => Array.from({ length: count }, () => source.next());

describe("MixtureBatches", () => {
  test("each row is a window of its domain, with the following tokens as targets", () => {
    for (const { inputIds, targetIds, domainIds } of take(new MixtureBatches({ streams, batchSize: 4, sequenceLength: 5 }), 50))
      inputIds.forEach((id, i) => {
        expect(targetIds[i]).toBe(id + 1);
        expect(Math.floor(id / 1000)).toBe(domainIds[Math.floor(i / 5)]);
        if (i % 5 > 0) expect(id).toBe(inputIds[i - 1]! + 1);
      });
  });

  test("the same seed gives the same batches, another seed others", () => {
    const batches = (seed: number) => take(new MixtureBatches({ streams, batchSize: 4, sequenceLength: 5, seed }), 5);
    expect(batches(1)).toEqual(batches(1));
    expect(batches(1)).not.toEqual(batches(2));
  });

  test("after restoring a state, kept as JSON, the same batches follow bit for bit, across epochs too", () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(10), fc.integer(), (before, seen, seed) => {
        const options = { streams, batchSize: 3, sequenceLength: 5, seed };
        const source = new MixtureBatches(options);
        take(source, before);
        const state = JSON.parse(JSON.stringify(source.state())) as object;
        const expected = take(source, 12);
        const other = new MixtureBatches(options);
        take(other, seen);
        other.restore(state);
        expect(take(other, 12)).toEqual(expected);
        expect(other.state()).toEqual(source.state());
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  test("a state of other data or options is refused", () => {
    const state = new MixtureBatches({ streams, batchSize: 3, sequenceLength: 5 }).state();
    for (const other of [{ batchSize: 4 }, { sequenceLength: 6 }, { seed: 1 }, { streams: streams.slice(1) }, { weights: { domain0: 1, domain1: 1, domain2: 1 } }])
      expect(() => new MixtureBatches({ streams, batchSize: 3, sequenceLength: 5, ...other }).restore(state)).toThrow("the state must come from the same data and options");
  });

  test("domains are drawn by their weights", () => {
    const source = new MixtureBatches({ streams, batchSize: 100, sequenceLength: 5, weights: { domain2: 6, domain0: 3, domain1: 1 } });
    const drawn = take(source, 100).flatMap(({ domainIds }) => [...domainIds]);
    const share = (domain: number) => drawn.filter((id) => id === domain).length / drawn.length;
    // 10,000 draws: a standard deviation of at most 0.005.
    expect(share(0)).toBeCloseTo(0.3, 1);
    expect(Math.abs(share(0) - 0.3)).toBeLessThan(0.02);
    expect(Math.abs(share(1) - 0.1)).toBeLessThan(0.02);
    expect(Math.abs(share(2) - 0.6)).toBeLessThan(0.02);
  });

  test("weights default to the number of tokens, and a weight of zero switches a domain off", () => {
    const drawn = (weights?: Record<string, number>) => take(new MixtureBatches({ streams, batchSize: 100, sequenceLength: 5, weights }), 100).flatMap(({ domainIds }) => [...domainIds]);
    expect(Math.abs(drawn().filter((id) => id === 0).length / 10_000 - 103 / 181)).toBeLessThan(0.02);
    expect(new Set(drawn({ domain0: 1, domain1: 2, domain2: 0 }))).toEqual(new Set([0, 1]));
  });

  test("an empty corpus, a stream that is too short and options out of range are errors that say what to do", () => {
    const make = (options: object) => () => new MixtureBatches({ streams, batchSize: 2, sequenceLength: 5, ...options });
    expect(make({ streams: [] })).toThrow("the corpus is empty");
    expect(make({ sequenceLength: 11 })).toThrow('domain "domain2" has 21 tokens; sequences of 11 need at least 22');
    expect(make({ batchSize: 0 })).toThrow("batchSize must be a positive integer; got 0");
    expect(make({ weights: { domain0: 1, novel: 1, domain2: 1 } })).toThrow("weights must name the domains domain0, domain1, domain2; got domain0, novel, domain2");
    expect(make({ weights: { domain0: 0, domain1: 0, domain2: 0 } })).toThrow("weights must be at least 0 and not all 0; got 0, 0, 0");
    expect(make({ streams: [streams[0], streams[0]] })).toThrow("stream names must differ; got domain0, domain0");
  });
});

describe("ShuffledWindows", () => {
  test("an epoch covers the stream once, without overlap, all but the ends", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), fc.integer({ min: 1, max: 20 }), fc.integer(), (extra, length, seed) => {
        const windows = new ShuffledWindows(stream(0, 2 * length + extra), length, seed);
        const starts = Array.from({ length: windows.numWindows }, () => windows.next()).sort((a, b) => a - b);
        expect(windows.position.epoch).toBe(0);
        starts.slice(1).forEach((start, i) => expect(start - starts[i]!).toBe(length));
        expect(starts[0]!).toBeGreaterThanOrEqual(0);
        expect(starts[0]!).toBeLessThan(length);
        expect(starts.at(-1)! + length).toBeLessThan(2 * length + extra); // the last target exists
        expect(2 * length + extra - windows.numWindows * length).toBeLessThan(2 * length);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test("each epoch has an order and an offset of its own", () => {
    const windows = new ShuffledWindows(stream(0, 2000), 20, 7);
    const epochs = Array.from({ length: 3 }, () => Array.from({ length: windows.numWindows }, () => windows.next()));
    expect(new Set(epochs.map(([first]) => first! % 20)).size).toBe(3);
    expect(new Set(epochs.map((starts) => starts.map((start) => Math.floor(start / 20)).join())).size).toBe(3);
  });
});

describe("permutation", () => {
  test("holds every number once", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer(), (size, seed) => void expect([...permutation(size, seed, "p")].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i))),
      { seed: 1, numRuns: 100 },
    );
  });

  test("every order of three is about equally frequent", () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const order = permutation(3, seed, "p").join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    // 1000 each is expected, with a standard deviation of 29.
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(130);
  });
});
