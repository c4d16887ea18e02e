import { describe, expect, it } from "vitest";
import { LayerTotals } from "./layer-totals.js";

describe("LayerTotals", () => {
  it("count neighbours in rank apart from all pairs", () => {
    const totals = new LayerTotals(4, 0);
    totals.add([3, 0, 2], { dropped: 0 });
    // All pairs of 0, 2, 3; neighbours are 3 with 0 and 0 with 2.
    expect([...totals.pairs]).toEqual([0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0]);
    expect([...totals.adjacentPairs]).toEqual([0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
  });

  it("of a token without experts only count what was dropped", () => {
    const totals = new LayerTotals(2, 1);
    totals.add([], { dropped: 2, domain: 0, token: 5 });
    expect([totals.dropped, totals.tokens.size, [...totals.counts, ...totals.top1, ...totals.domains, ...totals.domainsTop1]]).toEqual([2, 0, [0, 0, 0, 0, 0, 0, 0, 0]]);
  });

  it("merge token by token, and forget what they held when they are loaded", () => {
    const make = (token: number, expert: number) => {
      const totals = new LayerTotals(2, 0);
      totals.add([expert], { token, dropped: 1 });
      return totals;
    };
    const totals = make(7, 0);
    totals.merge(make(7, 1));
    totals.merge(make(8, 1));
    expect(totals.toJSON().tokens).toEqual([[7, [1, 1]], [8, [0, 1]]]);
    expect([totals.dropped, [...totals.counts]]).toEqual([3, [1, 2]]);
    totals.load(make(9, 0).toJSON());
    expect(totals.toJSON()).toEqual(make(9, 0).toJSON());
    expect(() => totals.load({ ...totals.toJSON(), tokens: [[1, [2]]] })).toThrow("tokens 1 must have 2 entries, as the options say; got 1");
  });
});
