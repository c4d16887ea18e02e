import { ConfigError, DataError, randomUniform } from "@moekit/core";
import type { TokenStream } from "../corpus/tokenize-corpus.js";
import type { Batch, BatchSource } from "./batch.js";
import { ShuffledWindows, type WindowPosition } from "./shuffled-windows.js";

/**
 * What {@link MixtureBatches} draws from, and how.
 * @example const options: MixtureOptions = { streams, batchSize: 16, sequenceLength: 128, weights: { novel: 1, german: 2 } };
 */
export interface MixtureOptions {
  /** One token stream per domain. */
  readonly streams: readonly TokenStream[];
  readonly batchSize: number;
  readonly sequenceLength: number;
  /** Weight of each domain by name; they need not sum to 1. @defaultValue its number of tokens */
  readonly weights?: Readonly<Record<string, number>>;
  /** @defaultValue 0 */
  readonly seed?: number;
}

/**
 * The position of {@link MixtureBatches}.
 * @example const state: MixtureState = source.state();
 */
export interface MixtureState {
  /** What the source was made of; a state fits only a source made of the same. */
  readonly source: string;
  /** Batches drawn so far. */
  readonly batches: number;
  /** Epoch and windows read, by domain. */
  readonly positions: readonly WindowPosition[];
}

/**
 * Training batches from several domains.
 *
 * Each row's domain is drawn with probability proportional to its weight; its tokens are the next window of that domain's
 * shuffled epoch (see {@link BatchSource}). A row is `S` inputs and, as targets, the same tokens one place further; windows
 * run across document ends, which carry an end-of-text token. Everything depends on the seed and the position only.
 *
 * @example
 * const source = new MixtureBatches({ streams: tokenizeCorpus(train, tokenizer), batchSize: 16, sequenceLength: 128 });
 * const { inputIds, targetIds } = source.next();
 */
export class MixtureBatches implements BatchSource {
  private batches = 0;
  private readonly domains: readonly ShuffledWindows[];
  /** `[domains]`: running sum of the weights, divided by their total. */
  private readonly thresholds: readonly number[];
  private readonly source: string;

  /**
   * @throws ConfigError if a size is not a positive integer, a weight is missing, unknown or negative, or all are zero;
   *   DataError if there is no stream, or one is shorter than two sequences.
   */
  constructor(private readonly options: MixtureOptions) {
    const { streams, batchSize, sequenceLength, seed = 0 } = options;
    if (streams.length === 0) throw new DataError("MixtureBatches: the corpus is empty; give at least one stream.");
    requirePositive({ batchSize, sequenceLength });
    const weights = weightsOf(options);
    this.domains = streams.map((stream) => new ShuffledWindows(stream, sequenceLength, seed));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    this.thresholds = weights.map((_, i) => weights.slice(0, i + 1).reduce((sum, weight) => sum + weight, 0) / total);
    const sizes = streams.map(({ name, tokens }, i) => `${name}: ${tokens.length} tokens, weight ${weights[i]}`);
    this.source = `batches [${batchSize}, ${sequenceLength}], seed ${seed}, ${sizes.join("; ")}`;
  }

  /** The next batch. */
  next(): Batch {
    const { streams, batchSize, sequenceLength, seed = 0 } = this.options;
    const [inputIds, targetIds] = [new Int32Array(batchSize * sequenceLength), new Int32Array(batchSize * sequenceLength)];
    const domainIds = Int32Array.from(randomUniform(batchSize, { seed, stream: `mixture.${this.batches++}` }), (u) => this.domainAt(u));
    domainIds.forEach((domain, row) => {
      const start = this.domains[domain]!.next();
      const { tokens } = streams[domain]!;
      inputIds.set(tokens.subarray(start, start + sequenceLength), row * sequenceLength);
      targetIds.set(tokens.subarray(start + 1, start + 1 + sequenceLength), row * sequenceLength);
    });
    return { inputIds, targetIds, domainIds, batchSize, sequenceLength };
  }

  /** The position, as plain data for JSON. */
  state(): MixtureState {
    return { source: this.source, batches: this.batches, positions: this.domains.map(({ position }) => position) };
  }

  /**
   * Goes to a position.
   * @throws DataError if the state is of a source with other data or options.
   */
  restore(state: object): void {
    const { source, batches, positions } = state as MixtureState;
    if (source !== this.source) throw new DataError(`MixtureBatches.restore: the state must come from the same data and options, ${this.source}; got ${source}.`);
    this.batches = batches;
    this.domains.forEach((windows, i) => windows.seek(positions[i]!));
  }

  private domainAt(u: number): number {
    return this.thresholds.findIndex((threshold) => u < threshold);
  }
}

function requirePositive(sizes: Record<string, number>): void {
  for (const [name, value] of Object.entries(sizes))
    if (!(Number.isInteger(value) && value > 0)) throw new ConfigError(`MixtureBatches: ${name} must be a positive integer; got ${value}.`);
}

function weightsOf({ streams, weights }: MixtureOptions): number[] {
  const names = streams.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw new DataError(`MixtureBatches: stream names must differ; got ${names.join(", ")}.`);
  if (!weights) return streams.map(({ tokens }) => tokens.length);
  const given = Object.keys(weights);
  if (given.length !== names.length || !names.every((name) => given.includes(name))) throw new ConfigError(`MixtureBatches: weights must name the domains ${names.join(", ")}; got ${given.join(", ")}.`);
  const values = names.map((name) => weights[name]!);
  if (!values.every((weight) => weight >= 0 && weight < Infinity) || !values.some((weight) => weight > 0)) throw new ConfigError(`MixtureBatches: weights must be at least 0 and not all 0; got ${values.join(", ")}.`);
  return values;
}
