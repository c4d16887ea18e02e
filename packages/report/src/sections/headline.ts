import { mean, sum } from "../curves.js";
import { element, escapeText } from "../draw/markup.js";
import { compact, duration, fixed, percent, precise, significant } from "../draw/numbers.js";
import type { TrainingReport } from "../training-report.js";
import { contenders, lateMaxVio, median, type Contender } from "./facts-of.js";

/** Title, the run in two sentences, and the few numbers that matter. */
export function headline(report: TrainingReport): string {
  const tiles = [qualityTile, perplexityTile, sizeTile, speedTile, balanceTile, specialisationTile].flatMap((tile) => tile(report) ?? []);
  return [
    element("p", { class: "eyebrow" }, "Training report"),
    element("h1", {}, escapeText(report.title)),
    element("p", { class: "lede" }, escapeText(`${whatRan(report)} ${verdict(report)}`.trim())),
    element("dl", { class: "tiles" }, tiles.map(({ name, value, note }) => `<div><dt>${escapeText(name)}</dt><dd class="value">${escapeText(value)}</dd><dd class="note">${escapeText(note)}</dd></div>`)),
  ].join("\n");
}

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

function whatRan({ model, steps, machine }: TrainingReport): string {
  const tokens = sum(steps.map((step) => step.tokens));
  const time = machine.seconds === undefined ? "" : ` in ${duration(machine.seconds)}`;
  const size = `${compact(model.parameters)} parameters`;
  const kind = model.numExperts > 0 ? `A language model with ${model.numExperts} experts per layer, ${model.topK} for each token: ${size}, of which a token meets ${compact(model.activeParameters)}.` : `A dense language model with ${size}.`;
  return `${kind} It read ${compact(tokens)} tokens in ${steps.length} steps${time}.`;
}

function verdict(report: TrainingReport): string {
  const [model, ...others] = contenders(report);
  const best = bestOf(others);
  if (!model?.all) return "";
  const needs = `Held-out text costs it ${fixed(model.all.bitsPerByte, 2)} bits per byte`;
  if (!best) return `${needs}.`;
  const difference = model.all.bitsPerByte / best.all.bitsPerByte - 1;
  const compared = Math.abs(difference) < 0.005 ? "as many as" : `${percent(Math.abs(difference))} ${difference < 0 ? "fewer" : "more"} than`;
  return `${needs}, ${compared} the best baseline (${best.name}: ${fixed(best.all.bitsPerByte, 2)}).`;
}

function bestOf(baselines: readonly Contender[]): Required<Contender> | undefined {
  const measured = baselines.filter((baseline): baseline is Required<Contender> => baseline.all !== undefined);
  return measured.sort((a, b) => a.all.bitsPerByte - b.all.bitsPerByte)[0];
}

function qualityTile(report: TrainingReport): Tile | undefined {
  const [model, ...others] = contenders(report);
  if (!model?.all) return undefined;
  const note = others.flatMap(({ name, all }) => (all ? [`${name} ${fixed(all.bitsPerByte, 2)}`] : [])).join(", ");
  return { name: "Bits per byte, held out", value: fixed(model.all.bitsPerByte, 2), note: note || "all domains together" };
}

function perplexityTile(report: TrainingReport): Tile | undefined {
  const all = contenders(report)[0]?.all;
  return all && { name: "Perplexity, held out", value: precise(Math.exp(all.nats)), note: `per token; ${fixed(all.nats, 2)} nats` };
}

function sizeTile({ model }: TrainingReport): Tile {
  return { name: "Parameters", value: compact(model.parameters), note: `${compact(model.activeParameters)} active (${percent(model.activeParameters / model.parameters)})` };
}

function speedTile({ steps, machine }: TrainingReport): Tile {
  return { name: "Speed", value: compact(median(steps.map((step) => step.tokensPerSecond))), note: `tokens/s, median, on ${machine.backend}` };
}

function balanceTile(report: TrainingReport): Tile | undefined {
  const { numExperts, topK } = report.model;
  const value = lateMaxVio(report);
  return Number.isFinite(value) ? { name: "Imbalance (MaxVio)", value: fixed(value, 2), note: `end of training; 0 is even, ${significant(numExperts / topK - 1)} the worst` } : undefined;
}

function specialisationTile({ routing }: TrainingReport): Tile | undefined {
  const known = routing?.layers.filter((layer) => layer.informationBits !== undefined) ?? [];
  if (known.length === 0) return undefined;
  const [bits, shuffled] = [mean(known.map((layer) => layer.informationBits!)), mean(known.map((layer) => layer.shuffledBits!))];
  return { name: "Domain in the expert", value: `${precise(bits, 2)} bits`, note: `${precise(shuffled, 2)} with shuffled labels` };
}
