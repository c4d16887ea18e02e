import { deadExperts, type LoadMetrics } from "@moekit/balancing";
import { colourBar } from "../charts/colour-bar.js";
import { heatMap } from "../charts/heat-map.js";
import { lineChart, type Line, type Point } from "../charts/line-chart.js";
import { loadBars } from "../charts/load-bars.js";
import { reachOf, smooth, stretches, sum, thinned } from "../curves.js";
import { ratioScale } from "../draw/colour-scale.js";
import { fixed, percent, significant } from "../draw/numbers.js";
import { figure, panels, responsive, type Section } from "../page/page.js";
import type { ReportStep, TrainingReport } from "../training-report.js";
import { lateMaxVio, layerName, loadsOf } from "./facts-of.js";

/** Stretches of steps in the heat-maps: a column each. */
const COLUMNS = 48;

/** Load of the experts over training and on held-out text; undefined without MoE layers. */
export function balance(report: TrainingReport): Section | undefined {
  if (report.steps[0]!.layers.length === 0) return undefined;
  const body = [loadFigure(report), maxVioFigure(report), spreadFigure(report), ...(report.routing ? [heldOutLoad(report)] : [])];
  return { id: "balance", title: "Who gets the work", text: "Experts learn only from the tokens they get. A healthy run keeps all of them busy without forcing them to be equal.", body };
}

function loadFigure(report: TrainingReport): string {
  const { steps } = report;
  const columns = stretches(steps, COLUMNS);
  const names = columns.map((some) => (some.length > 1 ? `steps ${some[0]!.step} to ${some.at(-1)!.step}` : `step ${some[0]!.step}`));
  const pictures = panels(steps[0]!.layers, (_, layer, width) => {
    const ratios = columns.map((some) => loadRatios(some, layer));
    const rows = ratios[0]!.map((_, e) => `expert ${e}`);
    const options = { width, title: layerName(report, layer), rows, columns: names, columnLabel: "step", scale: ratioScale(), axis: [steps[0]!.step - 0.5, steps.at(-1)!.step + 0.5] as const, text: (ratio: number) => `${significant(ratio, 2)} × an even share`, outlined: (ratio: number) => ratio < 0.1 };
    return heatMap(rows.map((_, e) => ratios.map((column) => column[e]!)), options);
  }, colourBar(ratioScale(), "load relative to an even share"));
  const dead = loadsDead(steps.at(-1)!);
  const see = `Each row is an expert, each column a stretch of training. Red is more than an even share, blue less; experts under a tenth of an even share are outlined (${dead} in the last step). Numbers of experts mean nothing across layers.`;
  return figure("Expert load over time", see, pictures, "full");
}

/** Load of each expert in some steps, relative to an even share. */
function loadRatios(steps: readonly ReportStep[], layer: number): number[] {
  const counts = steps[0]!.layers[layer]!.counts.map((_, e) => sum(steps.map((step) => step.layers[layer]!.counts[e]!)));
  const even = sum(counts) / counts.length;
  return counts.map((count) => count / even);
}

const loadsDead = ({ layers }: ReportStep): number => sum(layers.map(({ counts }) => (sum(counts) > 0 ? deadExperts(counts) : counts.length)));

function maxVioFigure(report: TrainingReport): string {
  const { numExperts, topK } = report.model;
  const see = `How far the busiest expert of a batch is above the mean: 0 is even, ${significant(numExperts / topK - 1)} would be one set of experts doing everything. At the end it is ${fixed(lateMaxVio(report), 2)} on average.`;
  return figure("MaxVio by layer", see, responsive((width) => lineChart(metricLines(report, (load) => load.maxVio), { title: "MaxVio", xLabel: "step", yLabel: "moving average, log scale", logY: true, width })));
}

function spreadFigure(report: TrainingReport): string {
  const see = "The spread of all experts, not only the busiest: standard deviation over mean of the loads of a batch. 0 is even.";
  return figure("Coefficient of variation by layer", see, responsive((width) => lineChart(metricLines(report, (load) => load.coefficientOfVariation), { title: "Standard deviation / mean load", xLabel: "step", yLabel: "moving average", width })));
}

function metricLines(report: TrainingReport, of: (load: LoadMetrics) => number): Line[] {
  const loads = report.steps.map((step) => ({ step: step.step, metrics: loadsOf(step) }));
  return report.steps[0]!.layers.map((_, layer) => {
    const points = loads.map(({ step, metrics }): Point => [step, metrics[layer] ? of(metrics[layer]) : NaN]);
    return { name: layerName(report, layer), points: thinned(smooth(points, reachOf(points.length))) };
  });
}

function heldOutLoad(report: TrainingReport): string {
  const { layers, numExperts } = report.routing!;
  const shares = layers.map(({ counts }) => counts.map((count) => count / sum(counts)));
  const most = Math.max(1 / numExperts, ...shares.flat()) * 1.08;
  const pictures = panels(shares, (share, layer, width) => loadBars(share, { title: layerName(report, layer), chance: 1 / numExperts, most, width }));
  return figure("Load on held-out text", `Share of all assignments that each expert gets after training; dashed is an even share, ${percent(1 / numExperts, 1)}. Colours are those of the coloured text below.`, pictures, "full");
}
