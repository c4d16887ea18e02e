import { colourBar } from "../charts/colour-bar.js";
import { flowDiagram } from "../charts/flow-diagram.js";
import { heatMap } from "../charts/heat-map.js";
import { lineChart } from "../charts/line-chart.js";
import { mean, sum } from "../curves.js";
import { shareScale } from "../draw/colour-scale.js";
import { percent } from "../draw/numbers.js";
import { figure, panels, responsive, type Section } from "../page/page.js";
import type { RoutingSummary } from "../routing-summary.js";
import type { TrainingReport } from "../training-report.js";
import { layerName } from "./facts-of.js";

/** More experts than this and only those of the strongest pairs are shown. */
const MOST_EXPERTS = 16;

/** Experts together: pairs, ways through the layers, and how early routing settled; undefined if nothing of it is known. */
export function teamwork(report: TrainingReport): Section | undefined {
  const { routing, saturation = [] } = report;
  const perToken = routing ? sum(routing.layers[0]!.counts) / routing.numTokens : 1;
  const body = [
    ...(routing?.flows.length ? [flowFigure(routing)] : []),
    ...(routing && perToken > 1 ? [pairFigure(report, routing, perToken)] : []),
    ...(saturation.length ? [saturationFigure(report)] : []),
  ];
  return body.length ? { id: "teamwork", title: "How they work together", text: "Which experts share tokens, and how the choice in one layer foretells the next.", body } : undefined;
}

function flowFigure({ flows }: RoutingSummary): string {
  const average = (of: (flow: RoutingSummary["flows"][number]) => number) => percent(mean(flows.map(of)));
  const see = `Tokens on their way, by best expert. Bars are experts, as tall as their tokens are many. Coloured links carry more than 1.5 times what independent layers would give; grey ones do not. Guessing a token's next expert from its present one succeeds ${average((flow) => flow.accuracy)} of the time, always guessing the busiest ${average((flow) => flow.baseline)}.`;
  return figure("Ways through the layers", see, responsive((width) => flowDiagram(flows, { title: "Ways of tokens", width }), 1100), "full");
}

function pairFigure(report: TrainingReport, { layers, numExperts }: RoutingSummary, perToken: number): string {
  const chance = (perToken - 1) / (numExperts - 1);
  const scale = shareScale(Math.min(1, Math.max(2 * chance, ...layers.flatMap((layer) => layer.coActivation.flat()))), chance);
  const pictures = panels(layers, ({ coActivation }, l, width) => {
    const order = strongestFirst(coActivation);
    const names = order.map(String);
    // An expert is no pair with itself.
    const matrix = order.map((i) => order.map((j) => (i === j ? NaN : coActivation[i]![j]!)));
    return heatMap(matrix, { width, title: layerName(report, l), rows: names, columns: names, columnLabel: "also use this expert", scale, rowHeight: 15, text: (share) => percent(share, 1) });
  }, colourBar(scale, "share of the row's tokens"));
  const see = `Of the tokens that use the expert of the row, the share that also use that of the column. Experts stand in the order of their strongest pairs${numExperts > MOST_EXPERTS ? `, the first ${MOST_EXPERTS}` : ""}; chance is ${percent(chance, 1)}.`;
  return figure("Pairs of experts", see, pictures, "full");
}

/** Experts in the order in which they enter the strongest pairs, both ways of a pair together. */
function strongestFirst(matrix: readonly (readonly number[])[]): number[] {
  const pairs = matrix.flatMap((row, i) => row.slice(0, i).map((share, j) => ({ i, j, strength: share + matrix[j]![i]! })));
  pairs.sort((a, b) => b.strength - a.strength || a.i - b.i || a.j - b.j);
  return [...new Set([...pairs.flatMap(({ i, j }) => [i, j]), ...matrix.keys()])].slice(0, MOST_EXPERTS);
}

function saturationFigure(report: TrainingReport): string {
  const { saturation = [], model } = report;
  const lines = saturation[0]!.layers.map((_, l) => ({ name: layerName(report, l), points: saturation.map(({ step, layers }) => [step, layers[l]!] as const) }));
  const see = `How much of the final routing each checkpoint already had, on the same tokens: ${percent(mean(saturation[0]!.layers))} at step ${saturation[0]!.step}. Dashed is the level of independent choices.`;
  return figure("Router saturation", see, responsive((width) => lineChart(lines, { title: "Experts shared with the last checkpoint", xLabel: "step", yLabel: "share", references: [{ name: "chance", value: model.topK / model.numExperts }], width })), "beside");
}
