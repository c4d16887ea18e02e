import { loadMetrics, type LoadMetrics } from "@moekit/balancing";
import { mean, sum } from "../curves.js";
import type { ReportLoss, ReportStep, TrainingReport } from "../training-report.js";

/** What several sections need of a report. */

/** Domains of the last evaluation, in its order. */
export const domainsOf = ({ evaluations = [] }: TrainingReport): string[] => Object.keys(evaluations.at(-1)?.domains ?? {});

/** All domains together, each token counting once. */
export function together(losses: readonly ReportLoss[]): ReportLoss {
  const of = (value: (loss: ReportLoss) => number) => sum(losses.map(value));
  const [tokens, bytes] = [of((l) => l.tokens), of((l) => l.bytes)];
  return { nats: of((l) => l.nats * l.tokens) / tokens, bitsPerByte: of((l) => l.bitsPerByte * l.bytes) / bytes, tokens, bytes };
}

/** A model or baseline with its losses in the order of the domains; undefined where it was not measured. */
export interface Contender {
  readonly name: string;
  readonly losses: readonly (ReportLoss | undefined)[];
  /** Over all domains; undefined if one is missing. */
  readonly all?: ReportLoss;
}

/** The model after its last evaluation, then the baselines. */
export function contenders(report: TrainingReport): Contender[] {
  const domains = domainsOf(report);
  const model = { name: "this model", losses: Object.entries(report.evaluations?.at(-1)?.domains ?? {}).map(([domain, loss]) => ({ domain, ...loss })) };
  return [model, ...(report.baselines ?? [])].map(({ name, losses: measured }) => {
    const losses = domains.map((domain) => measured.find((loss) => loss.domain === domain));
    return { name, losses, ...(losses.length && losses.every((loss) => loss !== undefined) && { all: together(losses as ReportLoss[]) }) };
  });
}

/** `layer 3`: the number that the trainer gave the i-th MoE layer. */
export function layerName({ steps }: Pick<TrainingReport, "steps">, i: number): string {
  const known = steps[0]?.layers[i];
  return `layer ${known?.layer ?? i}${known?.part === undefined ? "" : `, ${known.part}`}`;
}

/** Load metrics of each layer of a step; undefined where nothing was routed. */
export const loadsOf = ({ layers }: ReportStep): (LoadMetrics | undefined)[] => layers.map(({ counts }) => (sum(counts) > 0 ? loadMetrics(counts) : undefined));

/** Mean MaxVio over layers and the last tenth of the steps. */
export function lateMaxVio({ steps }: TrainingReport): number {
  const late = steps.slice(-Math.ceil(steps.length / 10)).flatMap(loadsOf);
  return mean(late.flatMap((load) => (load ? [load.maxVio] : [])));
}

/** The middle value; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted.length ? (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2 : NaN;
}
