import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RoutingRecorder, type RecorderOptions, type RoutedTokens } from "./routing-recorder.js";
import { randomBatch } from "./testing/random-batch.js";

const SIZES = { numTokens: 60, numLayers: 3, numExperts: 5, topK: 2, numDomains: 3, vocabSize: 7 };
const OPTIONS: RecorderOptions = { numLayers: 3, numExperts: 5, numDomains: 3, layerPairs: [[0, 2], [1, 0]] };

/** What the recorder should hold for one layer, by looking at all tokens anew for every cell. */
function countedAnew({ numTokens, expertIds, dropped, valid, domainIds, tokenIds }: Required<RoutedTokens>, layer: number) {
  const slots = expertIds[layer]!.length / numTokens;
  const row = (values: ArrayLike<number>, t: number) => Array.from({ length: slots }, (_, k) => values[t * slots + k]!);
  const tokens = Array.from({ length: numTokens }, (_, t) => t).filter((t) => valid[t]);
  const chosen = (t: number) => row(expertIds[layer]!, t).filter((id) => id >= 0);
  const experts = Array.from({ length: SIZES.numExperts }, (_, e) => e);
  const count = (isIn: (t: number) => boolean) => tokens.filter(isIn).length;
  return {
    counts: experts.map((e) => count((t) => chosen(t).includes(e))),
    top1: experts.map((e) => count((t) => chosen(t)[0] === e)),
    pairs: experts.flatMap((i) => experts.map((j) => (i === j ? 0 : count((t) => chosen(t).includes(i) && chosen(t).includes(j))))),
    domains: Array.from({ length: SIZES.numDomains }, (_, d) => d).flatMap((d) => experts.map((e) => count((t) => domainIds[t] === d && chosen(t).includes(e)))),
    domainsTop1: Array.from({ length: SIZES.numDomains }, (_, d) => d).flatMap((d) => experts.map((e) => count((t) => domainIds[t] === d && chosen(t)[0] === e))),
    dropped: tokens.reduce((sum, t) => sum + row(dropped[layer]!, t).reduce((a, b) => a + b, 0), 0),
    tokens: Array.from({ length: SIZES.vocabSize }, (_, x) => [x, experts.map((e) => count((t) => tokenIds[t] === x && chosen(t)[0] === e))] as const).filter(([, row]) => row.some((n) => n > 0)),
  };
}

const recorded = (...batches: RoutedTokens[]) => {
  const recorder = new RoutingRecorder(OPTIONS);
  for (const batch of batches) recorder.add(batch);
  return recorder;
};

describe("RoutingRecorder", () => {
  it("counts two tokens as worked by hand", () => {
    const recorder = new RoutingRecorder({ numLayers: 2, numExperts: 3, numDomains: 2 });
    // Token 0 of domain 1: experts 2, 0 and then 1, 2. Token 1 of domain 0: expert 2, the other slot dropped, and then 0, 1.
    recorder.add({ numTokens: 2, expertIds: [[2, 0, 2, -1], [1, 2, 0, 1]], dropped: [[0, 0, 0, 1], [0, 0, 0, 0]], domainIds: [1, 0], tokenIds: [9, 9] });
    const [first, second] = recorder.layers;
    expect([recorder.numTokens, [...recorder.domainTokens]]).toEqual([2, [1, 1]]);
    expect([first!.counts, first!.top1, first!.dropped].map((x) => (typeof x === "number" ? x : [...x]))).toEqual([[1, 0, 2], [0, 0, 2], 1]);
    expect([[...first!.pairs], [...second!.pairs]]).toEqual([[0, 0, 1, 0, 0, 0, 1, 0, 0], [0, 1, 0, 1, 0, 1, 0, 1, 0]]);
    expect([[...first!.domains], [...first!.domainsTop1]]).toEqual([[0, 0, 1, 1, 0, 1], [0, 0, 1, 0, 0, 1]]);
    expect([...first!.tokens]).toEqual([[9, new Float64Array([0, 0, 2])]]);
    // From 2 and 0 to 1 and 2, from 2 to 0 and 1; best experts 2 to 1, 2 to 0.
    expect([...recorder.crossings[0]!.topK]).toEqual([0, 1, 1, 0, 0, 0, 1, 2, 1]);
    expect([...recorder.crossings[0]!.top1]).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 0]);
  });

  it("agrees with counting every cell anew, padding and dropped choices left out", () => {
    const batch = randomBatch(SIZES, 1);
    recorded(batch).layers.forEach((layer, l) => {
      const { adjacentPairs, ...json } = layer.toJSON();
      expect({ ...json, tokens: [...json.tokens].sort(([a], [b]) => a - b) }).toEqual(countedAnew(batch, l));
      expect(adjacentPairs).toEqual(json.pairs); // with k = 2 all pairs are neighbours
    });
  });

  it("follows tokens between the layers it was told to, the default being each and the next", () => {
    const batch = randomBatch(SIZES, 2);
    const [first] = recorded(batch).crossings;
    const experts = (layer: number, t: number) => [0, 1].map((k) => batch.expertIds[layer]![2 * t + k]!).filter((id) => id >= 0);
    const want = new Array<number>(25).fill(0);
    for (let t = 0; t < SIZES.numTokens; t++) if (batch.valid[t]) for (const i of experts(0, t)) for (const j of experts(2, t)) want[5 * i + j]!++;
    expect([first!.from, first!.to, [...first!.topK]]).toEqual([0, 2, want]);
    expect(new RoutingRecorder({ numLayers: 3, numExperts: 2 }).crossings.map(({ from, to }) => [from, to])).toEqual([[0, 1], [1, 2]]);
  });

  it("of parts, merged, equals that of the whole, and so does its JSON read back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 1, max: 30 }), (seed, numTokens) => {
        const batches = [seed, seed + 1].map((s) => randomBatch({ ...SIZES, numTokens }, s));
        const whole = recorded(...batches);
        const [part, other] = batches.map((batch) => recorded(batch));
        part!.merge(other!);
        expect(part!.toJSON()).toEqual(whole.toJSON());
        expect(RoutingRecorder.fromJson(JSON.parse(JSON.stringify(whole))).toJSON()).toEqual(whole.toJSON());
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  it("takes layers with different numbers of slots, typed arrays, and an empty batch", () => {
    const recorder = new RoutingRecorder({ numLayers: 2, numExperts: 3 });
    recorder.add({ numTokens: 1, expertIds: [new Int32Array([2]), new Int32Array([0, 1, 2])] });
    recorder.add({ numTokens: 0, expertIds: [[], []] });
    expect(recorder.layers.map(({ counts }) => [...counts])).toEqual([[0, 0, 1], [1, 1, 1]]);
    expect(recorder.numTokens).toBe(1);
  });

  it("names what does not fit, and then adds nothing", () => {
    const recorder = recorded();
    const batch = randomBatch(SIZES, 3);
    const adding = (changes: Partial<RoutedTokens>) => () => recorder.add({ ...batch, ...changes });
    expect(adding({ expertIds: batch.expertIds.slice(1) })).toThrow("RoutingRecorder: expertIds must have one array for each of the 3 layers; got 2.");
    expect(adding({ expertIds: batch.expertIds.map((ids) => Array.from(ids).slice(1)) })).toThrow("a multiple of T = 60; got 119");
    expect(adding({ expertIds: batch.expertIds.map((ids) => Array.from(ids, (id) => id + 1)) })).toThrow("expertIds must be whole numbers from -1 to 4; got 5 at");
    expect(adding({ domainIds: new Array<number>(60).fill(3) })).toThrow("domainIds must be whole numbers from 0 to 2; got 3 at 0");
    expect(adding({ tokenIds: new Array<number>(60).fill(NaN) })).toThrow("tokenIds must be whole numbers from 0 to Infinity; got NaN at 0");
    expect(() => new RoutingRecorder({ numLayers: 1, numExperts: 2 }).add({ numTokens: 1, expertIds: [[0]], domainIds: [0] })).toThrow("domainIds must be left out where numDomains is 0; got 1 of them");
    expect(adding({ valid: [1] })).toThrow("valid must be [T] = [60]; got 1");
    expect(adding({ dropped: [[], []] })).toThrow("dropped must have one array for each of the 3 layers; got 2");
    expect(adding({ dropped: [[], [], []] })).toThrow("dropped must have the lengths of expertIds");
    expect(recorder.toJSON()).toEqual(recorded().toJSON());
  });

  it("refuses layers that are not there, other recorders' options, and JSON that does not fit its options", () => {
    expect(() => new RoutingRecorder({ ...OPTIONS, layerPairs: [[0, 3]] })).toThrow("layers of layerPairs must be 0 to 2; got 3");
    expect(() => new RoutingRecorder({ ...OPTIONS, numExperts: 0 })).toThrow("numExperts must be a whole number from 1 up; got 0");
    expect(() => recorded().merge(new RoutingRecorder({ ...OPTIONS, numDomains: 1 }))).toThrow("only recorders of equal options can be merged");
    const json = recorded(randomBatch(SIZES, 4)).toJSON();
    expect(() => RoutingRecorder.fromJson({ ...json, layers: json.layers.slice(1) })).toThrow("layers must have 3 entries, as the options say; got 2");
    expect(() => RoutingRecorder.fromJson({ ...json, domainTokens: [1] })).toThrow("domainTokens must have 3 entries");
    expect(() => RoutingRecorder.fromJson({ ...json, layers: json.layers.map((layer) => ({ ...layer, pairs: [0] })) })).toThrow("pairs must have 25 entries");
  });
});
