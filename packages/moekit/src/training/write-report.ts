import { cpus } from "node:os";
import { describeBackend, type BackendChoice } from "@moekit/backend";
import { generate, modelSize, type MoeTransformer } from "@moekit/models";
import { renderTrainingReport, routedTokens, routingSummary, type ReportModel, type ReportSample, type ReportText, type RoutingSummary, type TrainingReport } from "@moekit/report";
import type { Evaluation } from "@moekit/train";
import { grouped } from "../terminal/number-text.js";
import type { BaselineResult } from "./events.js";
import { readMetrics, type RunMetrics } from "./metrics-file.js";
import { recordRouting } from "./record-routing.js";
import { routingOf } from "./routing-of.js";
import type { RunFolder } from "./run-folder.js";
import type { TrainingConfig } from "./training-config.js";
import type { TrainingData } from "./training-data.js";

/** What a report is made of. */
export interface ReportParts {
  readonly config: TrainingConfig;
  readonly backend: BackendChoice;
  readonly folder: RunFolder;
  readonly data: TrainingData;
  readonly baselines: readonly BaselineResult[];
}

/** What came out on the way. */
export interface ReportFindings {
  readonly evaluation?: Evaluation;
  readonly samples: readonly ReportSample[];
  readonly specialisation?: { readonly information: number; readonly shuffled: number };
}

const COLOURED_TOKENS = 160;
const PROMPT_TOKENS = 12;

/** Looks at the routing of held-out text, lets the model write, and saves `report.html` with its numbers in `report.json`. */
export async function writeReport(model: MoeTransformer, parts: ReportParts): Promise<ReportFindings> {
  const { folder, data } = parts;
  const metrics = await readMetrics(folder.metrics);
  const recorder = await recordRouting(model, data.windows);
  const routing = recorder && routingSummary(recorder, { domains: data.windows.map(({ domain }) => domain), tokenText: (id) => data.tokenizer.decode([id]) });
  const [texts, samples] = [await colouredTexts(model, data), await writeSamples(model, parts)];
  const report: TrainingReport = { ...runFacts(model, metrics, parts), routing, texts: routing && texts, samples };
  await folder.write(folder.reportData, JSON.stringify(report));
  await folder.write(folder.report, renderTrainingReport(report));
  return { evaluation: metrics.evaluations.at(-1), samples, specialisation: routing && specialisationOf(routing) };
}

function runFacts(model: MoeTransformer, { steps, evaluations }: RunMetrics, { config, backend, baselines, data }: ReportParts): Omit<TrainingReport, "routing" | "texts" | "samples"> {
  const seconds = steps.reduce((sum, { tokens, tokensPerSecond }) => sum + tokens / tokensPerSecond, 0);
  const machine = { backend: describeBackend(backend), description: `${cpus().length} × ${cpus()[0]?.model ?? "unknown processor"}, Node ${process.versions.node}`, seconds };
  const facts = [
    { name: "tokenizer", value: `byte-level BPE, ${grouped(data.tokenizer.vocabSize)} tokens` },
    { name: "training text", value: data.train.map(({ name, tokens }) => `${name} ${grouped(tokens.length)}`).join(", ") + " tokens" },
  ];
  return { title: config.name, model: modelFacts(model, config), machine, steps, evaluations, baselines, facts };
}

function modelFacts({ config: model }: MoeTransformer, { training, seed }: TrainingConfig): ReportModel {
  const { parameters, activeParameters, layers } = modelSize(model, training.sequenceLength);
  const { numExperts = 0, topK = 0 } = layers.find(({ kind }) => kind === "moe") ?? {};
  return { parameters, activeParameters, numExperts, topK, config: { ...model.source, ...training, seed } };
}

/** Means over the layers, in bits. */
function specialisationOf({ layers }: RoutingSummary): ReportFindings["specialisation"] {
  const mean = (of: (layer: RoutingSummary["layers"][number]) => number) => layers.reduce((sum, layer) => sum + of(layer), 0) / layers.length;
  return { information: mean(({ informationBits = 0 }) => informationBits), shuffled: mean(({ shuffledBits = 0 }) => shuffledBits) };
}

async function colouredTexts(model: MoeTransformer, { windows, tokenizer, endOfText }: TrainingData): Promise<ReportText[]> {
  const texts: ReportText[] = [];
  for (const { domain, batches } of windows) {
    const ids = beginning(batches[0]!.inputIds, endOfText, COLOURED_TOKENS);
    texts.push({ title: domain, tokens: routedTokens(ids.map((id) => tokenizer.decode([id])), await routingOf(model, Int32Array.from(ids))) });
  }
  return texts;
}

async function writeSamples(model: MoeTransformer, { config: { report, seed }, data: { tokenizer, windows, endOfText } }: ReportParts): Promise<ReportSample[]> {
  const { sampleTokens: maxNewTokens, temperature } = report;
  const prompts = report.prompts?.map((text) => tokenizer.encode(text)) ?? windows.map(({ batches }) => beginning(batches[0]!.inputIds, endOfText, PROMPT_TOKENS));
  const samples: ReportSample[] = [];
  for (const prompt of prompts) {
    const ids: number[] = [];
    for await (const id of generate(model, prompt, { maxNewTokens, temperature, topP: 0.95, seed, stop: [endOfText] })) ids.push(id);
    samples.push({ prompt: tokenizer.decode(prompt), text: tokenizer.decode(ids) });
  }
  return samples;
}

/** How a stretch of text begins, without end-of-text tokens. */
function beginning(ids: Int32Array, endOfText: number, count: number): number[] {
  return [...ids].filter((id) => id !== endOfText).slice(0, count);
}
