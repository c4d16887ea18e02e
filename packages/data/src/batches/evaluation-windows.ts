import { ConfigError, DataError } from "@moekit/core";
import type { BpeTokenizer } from "../bpe/bpe-tokenizer.js";
import type { TokenStream } from "../corpus/tokenize-corpus.js";
import type { Batch } from "./batch.js";

/**
 * Shape and number of evaluation windows.
 * @example const options: EvaluationOptions = { tokenizer, batchSize: 16, sequenceLength: 128, maxWindows: 64 };
 */
export interface EvaluationOptions {
  /** The tokenizer of the streams: it knows how many bytes a token stands for. */
  readonly tokenizer: BpeTokenizer;
  /** Rows per batch; a domain's last batch may have fewer. */
  readonly batchSize: number;
  readonly sequenceLength: number;
  /** At most so many windows per domain, evenly spread. @defaultValue all */
  readonly maxWindows?: number;
}

/**
 * Fixed held-out windows of one domain.
 * @example const { bytes, tokens }: EvaluationWindows = evaluationWindows(streams, options)[0]!;
 */
export interface EvaluationWindows {
  readonly domain: string;
  readonly batches: readonly Batch[];
  /** Bytes of text that the targets stand for: bits per byte = total nats / (bytes ln 2). */
  readonly bytes: number;
  /** Targets that count. */
  readonly tokens: number;
  /** Positions in the stream of the targets that count, rising. */
  readonly targetPositions: Int32Array;
}

/**
 * Cuts held-out streams into windows for evaluation: the same ones on every call, one set per domain.
 *
 * A window is `S` inputs and the targets one place further. Windows do not overlap, so each token is a target at most once.
 * End-of-text tokens stand in the inputs but are ignored (-1) as targets: what is measured is the text. The last window of a
 * stream is filled up with end-of-text inputs and ignored targets.
 *
 * @returns One entry per stream; row `domainIds` are indices into `streams`.
 * @throws ConfigError if a size is not a positive integer; DataError if there is no stream, or a stream has no text.
 * @example const sets = evaluationWindows(tokenizeCorpus(validation, tokenizer), { tokenizer, batchSize: 16, sequenceLength: 128 });
 */
export function evaluationWindows(streams: readonly TokenStream[], options: EvaluationOptions): EvaluationWindows[] {
  const { batchSize, sequenceLength, maxWindows = Infinity } = options;
  for (const [name, value] of Object.entries({ batchSize, sequenceLength, maxWindows }))
    if (!(value > 0 && (Number.isInteger(value) || value === Infinity))) throw new ConfigError(`evaluationWindows: ${name} must be a positive integer; got ${value}.`);
  if (streams.length === 0) throw new DataError("evaluationWindows: the corpus is empty; give at least one stream.");
  return streams.map((stream, domain) => windowsOf(stream, domain, options));
}

function windowsOf(stream: TokenStream, domain: number, { tokenizer, batchSize, sequenceLength, maxWindows = Infinity }: EvaluationOptions): EvaluationWindows {
  const all = Math.ceil((stream.tokens.length - 1) / sequenceLength);
  const chosen = Math.min(all, maxWindows);
  const starts = Array.from({ length: chosen }, (_, i) => Math.floor((i * all) / chosen) * sequenceLength);
  const targetPositions = Int32Array.from(starts.flatMap((start) => scoredPositions(stream, start + 1, sequenceLength)));
  if (targetPositions.length === 0) throw new DataError(`evaluationWindows: domain "${stream.name}" has no text.`);
  const batches = Array.from({ length: Math.ceil(chosen / batchSize) }, (_, i) => toBatch(stream, domain, starts.slice(i * batchSize, (i + 1) * batchSize), sequenceLength));
  const bytes = targetPositions.reduce((sum, position) => sum + tokenizer.tokenBytes[stream.tokens[position]!]!.length, 0);
  return { domain: stream.name, batches, bytes, tokens: targetPositions.length, targetPositions };
}

function scoredPositions({ tokens, endOfText }: TokenStream, first: number, length: number): number[] {
  const positions = Array.from({ length: Math.min(length, tokens.length - first) }, (_, i) => first + i);
  return positions.filter((position) => tokens[position] !== endOfText);
}

function toBatch({ tokens, endOfText }: TokenStream, domain: number, starts: readonly number[], sequenceLength: number): Batch {
  const inputIds = new Int32Array(starts.length * sequenceLength).fill(endOfText);
  const targetIds = new Int32Array(starts.length * sequenceLength).fill(-1);
  starts.forEach((start, row) => {
    inputIds.set(tokens.subarray(start, start + sequenceLength), row * sequenceLength);
    const targets = tokens.subarray(start + 1, start + 1 + sequenceLength).map((id) => (id === endOfText ? -1 : id));
    targetIds.set(targets, row * sequenceLength);
  });
  return { inputIds, targetIds, domainIds: new Int32Array(starts.length).fill(domain), batchSize: starts.length, sequenceLength };
}
