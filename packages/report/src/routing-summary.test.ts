import { RoutingRecorder } from "@moekit/balancing";
import { expect, test } from "vitest";
import { routedTokens } from "./routed-tokens.js";
import { routingSummary } from "./routing-summary.js";
import { sampleRecorder } from "./testing/sample-report.js";

test("a router that splits the domains tells one bit of two, one that ignores them tells nothing", () => {
  const { layers, flows, numTokens } = routingSummary(sampleRecorder(), { domains: ["novel", "code"] });
  expect(numTokens).toBe(40);
  // Layer 0: two domains of equal size never share an expert: exactly log2(2). Layer 1: the same experts in turn for both.
  expect(layers[0]!.informationBits).toBeCloseTo(1, 12);
  expect(layers[1]!.informationBits).toBeCloseTo(0, 12);
  expect(layers[0]!.shuffledBits).toBeLessThan(0.15);
  expect(layers[0]!.specialisation).toEqual([[1, 1, 0, 0], [0, 0, 1, 1]]);
  expect(layers[0]!.coActivation[0]).toEqual([0, 1, 0, 0]);
  // From layer 0 to 1, best experts 0 and 2 go to each of four 5 times: a guess is right in a quarter.
  expect(flows).toMatchObject([{ from: 0, to: 1, accuracy: 0.25, baseline: 0.25 }]);
  expect(flows[0]!.counts).toEqual([[5, 5, 5, 5], [0, 0, 0, 0], [5, 5, 5, 5], [0, 0, 0, 0]]);
});

test("tokens are named where a name is given; the summary survives JSON", () => {
  const summary = routingSummary(sampleRecorder(), { domains: ["novel", "code"], tokenText: (id) => `t${id}` });
  // Each of the five ids occurs 8 times, 4 times in each domain.
  expect(summary.layers[0]!.topTokens[0]).toEqual([0, 1, 2, 3, 4].map((id) => ({ text: `t${id}`, count: 4, share: 0.5 })));
  expect(summary.layers[0]!.topTokens[1]).toEqual([]);
  expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
});

test("an empty recorder and missing names are refused", () => {
  expect(() => routingSummary(new RoutingRecorder({ numLayers: 1, numExperts: 2 }), { domains: [] })).toThrow("routingSummary: the recorder has seen no token; add batches to it first.");
  expect(() => routingSummary(sampleRecorder(), { domains: ["novel"] })).toThrow("routingSummary: domains must name the 2 domains of the recorder; got 1 names.");
});

test("tokens get their experts by gate, without empty slots", () => {
  expect(routedTokens(["a", "b"], [{ expertIds: Int32Array.of(3, 1, 2, -1), gates: Float32Array.of(0.25, 0.75, 1, 0) }])).toEqual([
    { text: "a", experts: [[1, 3]], gates: [[0.75, 0.25]] },
    { text: "b", experts: [[2]], gates: [[1]] },
  ]);
  expect(() => routedTokens(["a", "b"], [{ expertIds: [1, 2, 3], gates: [1, 1, 1] }])).toThrow("routedTokens: each layer must have K ids and K gates for each of the 2 tokens; got 3 ids and 3 gates.");
});
