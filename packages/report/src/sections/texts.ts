import { colouredText, expertLegend } from "../charts/coloured-text.js";
import { element, escapeText } from "../draw/markup.js";
import { compact, duration } from "../draw/numbers.js";
import { sum } from "../curves.js";
import { figure, table, type Section } from "../page/page.js";
import type { ReportSample, TrainingReport } from "../training-report.js";
import { layerName, median } from "./facts-of.js";

/** Texts coloured by expert; undefined without any. */
export function colouredTexts(report: TrainingReport): Section | undefined {
  const { texts = [] } = report;
  if (texts.length === 0) return undefined;
  const layers = Math.max(...texts.flatMap(({ tokens }) => tokens.map(({ experts }) => experts.length)), 0);
  const shown = mostInformed(report, layers);
  const buttons = Array.from({ length: layers }, (_, l) => element("button", { type: "button", "data-layer": l, "aria-pressed": String(l === shown) }, escapeText(layerName(report, l))));
  const parts = texts.map(({ title, tokens }) => `<h3 class="routedTitle">${escapeText(title)}</h3>${colouredText(tokens, shown)}`);
  const head = `${element("p", { class: "layers" }, buttons)}${expertLegend(report.model.numExperts)}`;
  const see = "The background of a token is its best expert in the chosen layer. Press an expert to see only its tokens; rest on a token for its experts and gates in every layer. Experts past the twelfth repeat colours with a line below.";
  return { id: "text", title: "Text in the colours of its experts", text: "The routing itself, token by token, on held-out text of each domain.", body: [figure("Routed text", see, head + parts.join(""), "full")] };
}

/** The layer whose experts tell most about the domain; the first if that is unknown. */
function mostInformed({ routing }: TrainingReport, layers: number): number {
  const bits = (routing?.layers ?? []).slice(0, layers).map((layer) => layer.informationBits ?? -1);
  return bits.length ? bits.indexOf(Math.max(...bits)) : 0;
}

/** Continuations written by the model; undefined without any. */
export function samples({ samples: written = [] }: TrainingReport): Section | undefined {
  if (written.length === 0) return undefined;
  return { id: "samples", title: "In its own words", text: "Continuations of short prompts. The prompt is in colour; the rest is the model's.", body: written.map(sample) };
}

const sample = ({ prompt, text }: ReportSample): string => `<figure><p class="sample"><b>${escapeText(prompt)}</b>${escapeText(text)}</p></figure>`;

/** The table of facts and the configuration. */
export function facts(report: TrainingReport): Section {
  const { model, machine, steps, facts: more = [] } = report;
  const rows: [string, string | undefined][] = [
    ["parameters", compact(model.parameters)],
    ["active parameters per token", compact(model.activeParameters)],
    ["experts per token", model.numExperts > 0 ? `${model.topK} of ${model.numExperts}` : undefined],
    ["MoE layers", String(steps[0]!.layers.length)],
    ["optimiser steps", String(steps.at(-1)!.step)],
    ["training tokens", compact(sum(steps.map((step) => step.tokens)))],
    ["tokens per second, median", compact(median(steps.map((step) => step.tokensPerSecond)))],
    ["time", machine.seconds === undefined ? undefined : duration(machine.seconds)],
    ["backend", machine.backend],
    ["machine", machine.description],
    ...more.map(({ name, value }): [string, string] => [name, value]),
  ];
  const known = rows.filter((row): row is [string, string] => row[1] !== undefined);
  const body = [factTable("The run", known), ...(model.config ? [factTable("Configuration", Object.entries(model.config).map(([name, value]) => [name, typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined")]))] : [])];
  return { id: "facts", title: "Facts", text: "What to know to repeat the run or to compare it with another.", body };
}

const factTable = (caption: string, rows: readonly (readonly [string, string])[]): string => `<figure class="facts">${table([], rows.map(([name, value]) => [name, escapeText(value)]), caption)}</figure>`;
