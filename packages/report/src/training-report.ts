import type { RoutingSummary } from "./routing-summary.js";
import type { RoutedToken } from "./routed-tokens.js";

/**
 * Everything the report of a training run shows: plain JSON values, most of them exactly as the trainer wrote them.
 *
 * `steps` and `evaluations` take the records of a run's `metrics.jsonl`; `baselines` what `evaluateNgram` of `@moekit/data`
 * returns; `routing` what {@link routingSummary} makes of a recorder. What is left out is left out of the page.
 *
 * @example const report: TrainingReport = { title: "Run 1", model, machine: { backend: "wasm" }, steps };
 */
export interface TrainingReport {
  readonly title: string;
  readonly model: ReportModel;
  readonly machine: ReportMachine;
  /** One record per optimiser step, at least one, by ascending step. */
  readonly steps: readonly ReportStep[];
  /** By ascending step. */
  readonly evaluations?: readonly ReportEvaluation[];
  /** Measured on the targets of the evaluations. */
  readonly baselines?: readonly ReportBaseline[];
  /** Of held-out text, after training. */
  readonly routing?: RoutingSummary;
  /** Agreement of earlier checkpoints with the last one. */
  readonly saturation?: readonly ReportSaturation[];
  readonly texts?: readonly ReportText[];
  readonly samples?: readonly ReportSample[];
  /** Further facts for the table at the end, as they should read. */
  readonly facts?: readonly ReportFact[];
}

/**
 * The model: what `modelSize` of `@moekit/models` counts, and its configuration.
 * @example const model: ReportModel = { parameters: 5.1e6, activeParameters: 1.9e6, numExperts: 16, topK: 2, config };
 */
export interface ReportModel {
  readonly parameters: number;
  /** Weights that one token meets. */
  readonly activeParameters: number;
  /** Of a layer; 0 for a dense model. */
  readonly numExperts: number;
  /** Experts per token. */
  readonly topK: number;
  /** Settings to list, such as the model's `config.json` and the training options. Nested values are written as JSON. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/**
 * Where the run ran.
 * @example const machine: ReportMachine = { backend: "wasm", description: "2 x Xeon 2.1 GHz, Node 20", seconds: 252 };
 */
export interface ReportMachine {
  readonly backend: string;
  /** Processor, cores, runtime. */
  readonly description?: string;
  /** Wall clock of the whole training. */
  readonly seconds?: number;
}

/**
 * What one optimiser step measured; the `step` records of a run's `metrics.jsonl` fit.
 * @example const step: ReportStep = { step: 1, lmLoss: 5.5, tokens: 4096, tokensPerSecond: 9000, layers: [{ layer: 0, counts: [5, 3] }] };
 */
export interface ReportStep {
  readonly step: number;
  /** Mean cross-entropy, nats per token. */
  readonly lmLoss: number;
  /** Target tokens of the step. */
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** Assignments of each expert in each MoE layer. */
  readonly layers: readonly { readonly layer: number; readonly part?: string; readonly counts: readonly number[] }[];
}

/**
 * Loss on held-out text.
 * @example const loss: ReportLoss = { nats: 2.9, bitsPerByte: 1.9, tokens: 1000, bytes: 2200 };
 */
export interface ReportLoss {
  /** Per target token. */
  readonly nats: number;
  readonly bitsPerByte: number;
  /** Target tokens. */
  readonly tokens: number;
  /** Bytes of text that the targets stand for. */
  readonly bytes: number;
}

/**
 * Held-out losses by domain after some step; the `eval` records of a run's `metrics.jsonl` fit.
 * @example const evaluation: ReportEvaluation = { step: 100, domains: { novel: { nats: 2.9, bitsPerByte: 1.9, tokens: 1000, bytes: 2200 } } };
 */
export interface ReportEvaluation {
  readonly step: number;
  readonly domains: Readonly<Record<string, ReportLoss>>;
}

/**
 * Held-out losses of another model, such as an n-gram model of the same training tokens; what `evaluateNgram` returns fits.
 * @example const baseline: ReportBaseline = { name: "5-gram", losses: streams.map((stream, i) => evaluateNgram(ngram, stream, windows[i]!)) };
 */
export interface ReportBaseline {
  readonly name: string;
  /** One per domain. */
  readonly losses: readonly (ReportLoss & { readonly domain: string })[];
}

/**
 * How much of the final routing a checkpoint already had, what `routerSaturation` of `@moekit/balancing` returns by layer.
 * @example const point: ReportSaturation = { step: 100, layers: [0.6, 0.7] };
 */
export interface ReportSaturation {
  readonly step: number;
  /** By MoE layer, 0 to 1. */
  readonly layers: readonly number[];
}

/**
 * A text with the experts of each of its tokens.
 * @example const text: ReportText = { title: "novel", tokens: routedTokens(["Call", " me"], [{ expertIds: [3, 1], gates: [1, 1] }]) };
 */
export interface ReportText {
  readonly title: string;
  readonly tokens: readonly RoutedToken[];
}

/**
 * A text that the model continued.
 * @example const sample: ReportSample = { prompt: "It was ", text: "a dark night." };
 */
export interface ReportSample {
  readonly prompt: string;
  /** What the model wrote after the prompt. */
  readonly text: string;
}

/**
 * A line of the table of facts.
 * @example const fact: ReportFact = { name: "tokenizer", value: "byte-level BPE, 2048 tokens" };
 */
export interface ReportFact {
  readonly name: string;
  readonly value: string;
}
