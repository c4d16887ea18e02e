import { ConfigError, DataError } from "@moekit/core";
import { discountOf, estimateDiscounts, type Discounts } from "./discounts.js";
import { GramTable } from "./gram-table.js";

/**
 * What {@link trainKneserNey} makes.
 * @example const options: KneserNeyOptions = { order: 5, vocabSize: tokenizer.vocabSize };
 */
export interface KneserNeyOptions {
  /** Length of the longest gram: the token and `order - 1` tokens of context. */
  readonly order: number;
  /** Token ids are below it. */
  readonly vocabSize: number;
}

/** One order k: its grams, and what is known of each context (a gram of order k - 1, by its id). */
interface Level {
  readonly grams: GramTable;
  readonly discounts: Discounts;
  /** Sum of the counts after each context. */
  readonly totals: Float64Array;
  /** Probability that each context leaves to the shorter one. */
  readonly backoffs: Float64Array;
}

/**
 * Trains an interpolated n-gram model with modified Kneser-Ney smoothing, the classical baseline of language modelling.
 *
 * `p(w | h) = max(c(hw) - D, 0) / c(h) + (sum of the discounts after h) / c(h) * p(w | h without its first token)`, down to
 * `1 / vocabSize`. `c` counts occurrences at the highest order and, below it, the different tokens seen before the gram.
 * Streams are independent; before its first token each has `order - 1` copies of a padding symbol as context.
 *
 * @throws ConfigError if `order` or `vocabSize` is not a positive integer; DataError if there is no token or one is not below `vocabSize`.
 * @source Chen and Goodman 1998, section 3 (interpolated, modified); Kneser and Ney 1995.
 * @example const model = trainKneserNey(streams.map(({ tokens }) => tokens), { order: 5, vocabSize: 1024 });
 */
export function trainKneserNey(streams: readonly Int32Array[], { order, vocabSize }: KneserNeyOptions): NgramModel {
  for (const [name, value] of Object.entries({ order, vocabSize }))
    if (!(Number.isInteger(value) && value > 0)) throw new ConfigError(`trainKneserNey: ${name} must be a positive integer; got ${value}.`);
  if (streams.every((tokens) => tokens.length === 0)) throw new DataError("trainKneserNey: the corpus is empty; give at least one token.");
  const wrong = streams.flatMap((tokens) => tokens.find((id) => !(id >= 0 && id < vocabSize)) ?? []);
  if (wrong.length > 0) throw new DataError(`trainKneserNey: token ids must be below vocabSize ${vocabSize}; got ${wrong[0]}.`);
  const tables = Array.from({ length: order }, () => new GramTable());
  for (const tokens of streams) count(tables, tokens, vocabSize);
  return new NgramModel(vocabSize, tables.map((grams, k) => toLevel(grams, k === 0 ? 1 : tables[k - 1]!.size, vocabSize + 1)));
}

/**
 * An n-gram model.
 * @example const p = model.probability([17, 4], 9);
 */
export class NgramModel {
  /** @internal */
  constructor(
    readonly vocabSize: number,
    private readonly levels: readonly Level[],
  ) {}

  get order(): number {
    return this.levels.length;
  }

  /**
   * `p(token | context)`; over all tokens it sums to 1.
   * @param context - The tokens before, nearest last; only the last `order - 1` count. A shorter one begins a stream.
   */
  probability(context: ArrayLike<number>, token: number): number {
    const symbols = this.vocabSize + 1;
    let p = 1 / this.vocabSize;
    for (let length = 0; length < this.order; length++) {
      const { grams, discounts, totals, backoffs } = this.levels[length]!;
      const id = this.contextId(context, length);
      if (id < 0) break; // unseen, and so is every longer one
      if (totals[id] === 0) continue; // seen at the end of a stream only
      const gram = grams.find(id * symbols + token);
      const count = gram < 0 ? 0 : grams.counts[gram]!;
      p = (count - discountOf(discounts, count)) / totals[id]! + backoffs[id]! * p;
    }
    return p;
  }

  /** `-ln p` of the token at a position of a stream, given all that stands before it. */
  nats(tokens: Int32Array, position: number): number {
    return -Math.log(this.probability(tokens.subarray(Math.max(0, position - this.order + 1), position), tokens[position]!));
  }

  /** Id of the context's last `length` tokens among the grams of that order; -1 if unseen. */
  private contextId(context: ArrayLike<number>, length: number): number {
    let id = 0;
    for (let i = 0; i < length && id >= 0; i++) {
      const token = context[context.length - length + i] ?? this.vocabSize;
      id = this.levels[i]!.grams.find(id * (this.vocabSize + 1) + token);
    }
    return id;
  }
}

/** Adds a stream. The padding symbol is `vocabSize`. */
function count(tables: readonly GramTable[], tokens: Int32Array, vocabSize: number): void {
  const [order, symbols] = [tables.length, vocabSize + 1];
  // ids[k]: the gram of the k tokens before; the empty gram is 0.
  let ids = new Float64Array(order + 1);
  for (let k = 1; k < order; k++) ids[k] = tables[k - 1]!.add(ids[k - 1]! * symbols + vocabSize);
  let now = new Float64Array(order + 1);
  for (const token of tokens) {
    for (let k = 1; k <= order; k++) {
      const grams = tables[k - 1]!;
      const known = grams.size;
      now[k] = grams.add(ids[k - 1]! * symbols + token);
      if (k === order) grams.counts[now[k]!]!++;
      // A new gram of order k is one more token seen before the gram of its last k - 1 tokens.
      if (k > 1 && grams.size > known) tables[k - 2]!.counts[now[k - 1]!]!++;
    }
    [ids, now] = [now, ids];
  }
}

function toLevel(grams: GramTable, contexts: number, symbols: number): Level {
  const discounts = estimateDiscounts(grams.counts.subarray(0, grams.size));
  const [totals, backoffs] = [new Float64Array(contexts), new Float64Array(contexts)];
  for (let gram = 0; gram < grams.size; gram++) {
    const context = Math.floor(grams.keys[gram]! / symbols);
    totals[context]! += grams.counts[gram]!;
    backoffs[context]! += discountOf(discounts, grams.counts[gram]!);
  }
  for (let context = 0; context < contexts; context++) if (totals[context]! > 0) backoffs[context]! /= totals[context]!;
  return { grams, discounts, totals, backoffs };
}
