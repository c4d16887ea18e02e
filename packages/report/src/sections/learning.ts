import { lineChart, type Point } from "../charts/line-chart.js";
import { reachOf, smooth, thinned } from "../curves.js";
import { figure, responsive, type Section } from "../page/page.js";
import type { ReportEvaluation, ReportStep, TrainingReport } from "../training-report.js";
import { domainsOf, together } from "./facts-of.js";

/** Loss over training, and perplexity by domain. */
export function learning(report: TrainingReport): Section {
  const { steps, evaluations = [] } = report;
  const body = [lossFigure(steps, evaluations), ...(evaluations.length ? [perplexityFigure(report)] : [])];
  return { id: "learning", title: "Learning", text: "How fast the loss fell, and whether it fell on text the model never trained on.", body };
}

function lossFigure(steps: readonly ReportStep[], evaluations: readonly ReportEvaluation[]): string {
  const points = steps.map(({ step, lmLoss }): Point => [step, lmLoss]);
  const heldOut = evaluations.map(({ step, domains }): Point => [step, together(Object.values(domains)).nats]);
  const lines = [
    { name: "each step", points: thinned(points), series: 0, faint: true },
    { name: "training", points: thinned(smooth(points, reachOf(points.length))), series: 0 },
    ...(heldOut.length ? [{ name: "held out", points: heldOut, series: 1 }] : []),
  ];
  const see = `Cross-entropy on training batches (pale: ${points.length > 300 ? "means of neighbouring steps" : "every step"}; strong: moving average)${heldOut.length ? " and on held-out text of all domains. Where the two part, the model starts to memorise" : ""}.`;
  return figure("Loss", see, responsive((width) => lineChart(lines, { title: "Cross-entropy", xLabel: "step", yLabel: "nats per token", width })));
}

function perplexityFigure(report: TrainingReport): string {
  const lines = domainsOf(report).map((name, series) => ({ name, series, points: report.evaluations!.map(({ step, domains }): Point => [step, Math.exp(domains[name]?.nats ?? NaN)]) }));
  const see = "How many tokens the model hesitates between, on average; logarithmic. Domains share one tokenizer but not the same bytes per token, so compare a curve with itself, and domains by bits per byte.";
  return figure("Held-out perplexity by domain", see, responsive((width) => lineChart(lines, { title: "Perplexity", xLabel: "step", yLabel: "per token, log scale", logY: true, width })));
}
