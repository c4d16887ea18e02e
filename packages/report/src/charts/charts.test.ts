import { isMoekitError } from "@moekit/core";
import { describe, expect, test } from "vitest";
import { ratioScale, shareScale } from "../draw/colour-scale.js";
import { standalone } from "../standalone.js";
import { brokenPart, checkWellFormed, HOSTILE } from "../testing/well-formed.js";
import { colourBar } from "./colour-bar.js";
import { dotPlot } from "./dot-plot.js";
import { flowDiagram, type Flow } from "./flow-diagram.js";
import { heatMap } from "./heat-map.js";
import { lineChart, type Point } from "./line-chart.js";
import { loadBars } from "./load-bars.js";

const count = (markup: string, pattern: RegExp) => (markup.match(pattern) ?? []).length;
const numbers = (markup: string, pattern: RegExp) => [...markup.matchAll(pattern)].map((match) => Number(match[1]));
const options = { title: "t", xLabel: "step", yLabel: "nats" };
const dataError = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (isMoekitError(error, "data")) return (error as Error).message;
  }
  return "no data error";
};

describe("all pictures", () => {
  const draw = (text: string) => [
    lineChart([{ name: text, points: [[0, 1], [1, 2]] }, { name: "b", points: [[0, 2]] }], { title: text, xLabel: text, yLabel: text, references: [{ name: text, value: 1 }] }),
    heatMap([[0.5, NaN]], { title: text, rows: [text], columns: [text, "b"], columnLabel: text, valueLabel: text, scale: shareScale(1, 0.5), cellText: () => text }),
    dotPlot([{ name: text, values: [1, NaN], emphasised: true }], { title: text, rows: [text, "b"], xLabel: text }),
    loadBars([0.2, 0.8], { title: text, chance: 0.5 }),
    flowDiagram([{ from: 0, to: 1, counts: [[3, 1], [1, 3]] }], { title: text }),
    colourBar(ratioScale(), text),
  ];

  test("are well-formed for any text, say what they show, and have no broken number", () => {
    for (const text of ["plain", ...HOSTILE])
      for (const picture of draw(text)) {
        checkWellFormed(picture);
        expect(brokenPart(picture)).toBeUndefined();
        expect(picture).toMatch(/^<svg [^>]*role="img" aria-label="[^"]+"/);
        expect(/<img|<script| on\w+="/.exec(picture)).toBeNull();
      }
  });

  test("are the same each time", () => {
    expect(draw("a")).toEqual(draw("a"));
  });

  test("carry their style sheet as files of their own", () => {
    for (const picture of draw("a")) {
      const file = standalone(picture);
      expect(file).toMatch(/^<svg [^>]*><style>[^<]*prefers-color-scheme:dark[^<]*<\/style>/);
      checkWellFormed(file.replace(/<style>[^<]*<\/style>/, ""));
    }
  });
});

describe("lineChart", () => {
  test("maps points into the frame: the worked example", () => {
    // Width 560, one line: x from 40 to 546; y from 244 (bottom) to 30, the domain 0..10 padded by 5 % to -0.5..10.5.
    const chart = lineChart([{ name: "a", points: [[0, 0], [10, 10]] }], options);
    // y(0) = 244 - 214 * 0.5 / 11 = 234.3; y(10) = 244 - 214 * 10.5 / 11 = 39.7
    expect(chart).toContain('d="M40 234.3L546 39.7"');
  });

  test("a value that is not finite leaves a gap, not a line to nowhere", () => {
    const chart = lineChart([{ name: "a", points: [[0, 1], [1, NaN], [2, 3], [3, 2]] }], options);
    expect(count(/d="(M[^"]*)" class="line/.exec(chart)![1]!, /M/g)).toBe(2);
    expect(count(chart, /<circle/g)).toBe(3);
    expect(brokenPart(lineChart([{ name: "a", points: [[0, 0], [1, 10]] }], { ...options, logY: true }))).toBeUndefined();
  });

  test("one point is a dot, none says so", () => {
    expect(count(lineChart([{ name: "a", points: [[5, 2]] }], options), /<circle/g)).toBe(1);
    for (const lines of [[], [{ name: "a", points: [] }], [{ name: "a", points: [[0, NaN] as Point] }]]) expect(lineChart(lines, options)).toContain(">no data</text>");
  });

  test("names at the ends do not overlap and stay inside, however many", () => {
    for (const lines of [3, 12, 40]) {
      const chart = lineChart(Array.from({ length: lines }, (_, i) => ({ name: `l${i}`, points: [[0, 0], [1, 1 + i * 1e-3]] as const })), options);
      const ys = numbers(chart, /<text x="[\d.]+" y="([\d.]+)" class="end"/g).sort((a, b) => a - b);
      expect(ys.length).toBe(lines);
      // A line of text is 13 px; more lines than fit share the height.
      const gap = Math.min(13, 214 / (lines - 1));
      ys.forEach((y, i) => i && expect(y - ys[i - 1]!).toBeGreaterThan(gap - 0.05));
      expect([ys[0]! >= 30, ys.at(-1)! <= 248.05]).toEqual([true, true]);
    }
  });
});

describe("heatMap", () => {
  const matrix = [[0.1, 2, 3.25], [4, 0.5, 1e-9]];
  const map = { title: "m", rows: ["a", "b"], columns: ["x", "y", "z"], scale: ratioScale() };

  test("carries the matrix in its attributes, so that it can be read back", () => {
    const picture = heatMap(matrix, map);
    const rows = [...picture.matchAll(/<g data-row="\d+">(.*?)<\/g>/g)].map((row) => numbers(row[1]!, /data-value="([^"]+)"/g));
    expect(rows).toEqual(matrix);
    expect(picture).toContain("<title>a, y: 2</title>");
  });

  test("outlines and writes what it is asked to, and leaves values that are not finite blank", () => {
    const picture = heatMap([[0.05, NaN, 1]], { ...map, rows: ["a"], outlined: (value) => value < 0.1, cellText: (value) => value.toFixed(1) });
    expect([count(picture, /outlined/g), count(picture, /class="missing"/g), count(picture, /class="in"/g)]).toEqual([1, 1, 2]);
  });

  test("marks the chance level on its colour bar", () => {
    // Width 360: the bar runs from 24 to 356; chance .25 of .5 is in the middle, 190.
    const picture = heatMap([[0.5]], { title: "m", rows: ["a"], columns: ["x"], scale: shareScale(0.5, 0.25), valueLabel: "share" });
    expect(picture).toMatch(/<line x1="190" x2="190" [^>]*class="chance"/);
  });

  test("an empty matrix says so, a wrong one is refused", () => {
    expect(heatMap([], { ...map, rows: [], columns: [] })).toContain("no data");
    expect(dataError(() => heatMap([[1], [1, 2, 3]], map))).toBe("heatMap: values must be [2 rows, 3 columns], as many as there are names; got 2 rows, one with 1 columns.");
    expect(dataError(() => heatMap([[1, 2, 3]], map))).toContain("got 1 rows.");
  });
});

describe("dotPlot", () => {
  test("draws a mark per finite value and one per legend entry, in different shapes", () => {
    const picture = dotPlot([{ name: "a", values: [1, 2], emphasised: true }, { name: "b", values: [2, NaN] }], { title: "t", rows: ["x", "y"], xLabel: "bits" });
    expect(count(picture, /class="mark full/g)).toBe(3);
    expect(count(picture, /class="mark c1/g)).toBe(2);
    expect(picture).toContain("<title>x, b: 2</title>");
    expect(picture).toContain(">1.00</text>");
  });

  test("no finite value says so, a series of the wrong length is refused", () => {
    expect(dotPlot([{ name: "a", values: [NaN] }], { title: "t", rows: ["x"], xLabel: "" })).toContain("no data");
    expect(dataError(() => dotPlot([{ name: "a", values: [1] }], { title: "t", rows: [], xLabel: "" }))).toBe('dotPlot: each series must have one value for each of the 0 rows; got 1 in "a".');
  });
});

describe("loadBars", () => {
  test("bars are as tall as their shares", () => {
    const heights = numbers(loadBars([0.4, 0.1, 0], { title: "t", chance: 1 / 3, most: 0.5 }), /height="([\d.]+)" class="e/g);
    // 100 px for .5
    expect(heights).toEqual([80, 20, 0]);
  });

  test("no share says so, a negative one is refused", () => {
    expect(loadBars([NaN], { title: "t", chance: 1 })).toContain("no data");
    expect(dataError(() => loadBars([-0.1], { title: "t", chance: 1 }))).toBe("loadBars: shares must be at least 0; got -0.1.");
  });
});

describe("flowDiagram", () => {
  const flows: Flow[] = [{ from: 0, to: 1, counts: [[0, 8], [6, 2]] }, { from: 1, to: 2, counts: [[3, 3], [5, 5]] }];

  test("colours the links above independence only, with their numbers", () => {
    const picture = flowDiagram(flows, { title: "t" });
    // Layer 1 of 16 tokens: expert 1 gets 10. 0 to 1: 8 * 16 / (8 * 10) = 1.6; 1 to 0: 6 * 16 / (8 * 6) = 2; 1 to 1: 2 * 16 / (8 * 10) = .4. Layer 2 is independent.
    expect(numbers(picture, /data-tokens="(\d+)"/g)).toEqual([8, 6]);
    expect(picture).toContain("layer 0 expert 0 to layer 1 expert 1: 100 % of its tokens, 1.6 times what independent layers give");
  });

  test("orders each layer by where its tokens come from", () => {
    const picture = flowDiagram(flows, { title: "t" });
    const nodes = [...picture.matchAll(/y="([\d.]+)" width="12"[^>]*><title>layer (\d) expert (\d)/g)].map((match) => [match[2], match[3]].join(":"));
    expect(nodes).toEqual(["0:0", "0:1", "1:1", "1:0", "2:0", "2:1"]);
  });

  test("no token says so; flows with a hole are refused", () => {
    expect(flowDiagram([], { title: "t" })).toContain("no data");
    expect(dataError(() => flowDiagram([flows[0]!, { ...flows[1]!, from: 2, to: 3 }], { title: "t" }))).toBe("flowDiagram: each flow must start in the layer where the one before ended, 1; got 2.");
  });
});
