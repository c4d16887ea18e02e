import { ConfigError, DataError } from "@moekit/core";
import { BpeTokenizer } from "./bpe-tokenizer.js";
import type { Merge } from "./bpe-tokenizer.js";
import { PairCounts, type Word } from "./pair-counts.js";
import { PairQueue, type CountedPair } from "./pair-queue.js";
import { preTokenize } from "./pre-tokenize.js";

/**
 * What {@link trainBpe} makes.
 * @example const options: BpeOptions = { vocabSize: 2048, specialTokens: ["<|endoftext|>"] };
 */
export interface BpeOptions {
  /** Tokens in all: special tokens, 256 bytes and merges. */
  readonly vocabSize: number;
  /** They get the ids from 0 on, in this order. @defaultValue `["<|endoftext|>"]` */
  readonly specialTokens?: readonly string[];
}

const NUM_BYTES = 256;
const MIN_COUNT = 2;

/**
 * Trains a byte-level BPE tokenizer.
 *
 * Texts are cut into words by GPT-2's pattern; then the most frequent pair of neighbouring tokens inside words becomes a new
 * token, until the vocabulary is full. Ties go to the pair of smaller ids, so the same texts give the same tokenizer. Ids:
 * special tokens, the 256 bytes in their order, merges in the order they were made.
 *
 * @throws ConfigError if `vocabSize` leaves no room or a special token is empty or given twice; DataError if the texts do not
 *   hold enough pairs that occur twice.
 * @source Sennrich et al. 2016, arXiv:1508.07909, algorithm 1; over bytes as Radford et al. 2019 (GPT-2), section 2.2.
 * @example const tokenizer = trainBpe(["low lower lowest low lower"], { vocabSize: 260 });
 */
export function trainBpe(texts: Iterable<string>, { vocabSize, specialTokens = ["<|endoftext|>"] }: BpeOptions): BpeTokenizer {
  const firstByte = specialTokens.length;
  if (new Set(specialTokens).size !== firstByte || specialTokens.includes("")) throw new ConfigError(`trainBpe: specialTokens must be different and not empty; got ${JSON.stringify(specialTokens)}.`);
  if (!Number.isInteger(vocabSize) || vocabSize < firstByte + NUM_BYTES || vocabSize > 2 ** 20) throw new ConfigError(`trainBpe: vocabSize must be an integer from ${firstByte + NUM_BYTES} (special tokens and bytes) to 2^20; got ${vocabSize}.`);
  const words = countWords(texts, firstByte);
  if (words.length === 0) throw new DataError("trainBpe: the corpus is empty; give at least one text.");
  return new BpeTokenizer(specialTokens, learnMerges(words, firstByte, vocabSize));
}

function countWords(texts: Iterable<string>, firstByte: number): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of preTokenize(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const utf8 = new TextEncoder();
  return Array.from(counts, ([word, count]) => ({ ids: Array.from(utf8.encode(word), (byte) => firstByte + byte), count }));
}

function learnMerges(words: readonly Word[], firstByte: number, vocabSize: number): Merge[] {
  const counts = new PairCounts(words);
  const queue = new PairQueue();
  for (const pair of counts.all()) queue.push(pair);
  const vocabulary = new Vocabulary(firstByte);
  const merges: Merge[] = [];
  while (vocabulary.size < vocabSize) {
    const { left, right } = mostFrequent(queue, counts, vocabulary.size);
    merges.push([left, right]);
    for (const pair of counts.merge(left, right, vocabulary.merged(left, right))) queue.push(pair);
  }
  return merges;
}

/** Counts in the queue may be out of date, but a pair that grew has been pushed again, so none is too small. */
function mostFrequent(queue: PairQueue, counts: PairCounts, size: number): CountedPair {
  for (let top = queue.pop(); top && top.count >= MIN_COUNT; top = queue.pop()) {
    const count = counts.get(top);
    if (count === top.count) return top;
    if (count > 0 && count < top.count) queue.push({ ...top, count });
  }
  throw new DataError(`trainBpe: the corpus has only ${size} tokens to learn (pairs must occur twice); lower vocabSize to ${size} or give more text.`);
}

/** The bytes of each token: two ways of merging may give the same token, which keeps its first id. */
class Vocabulary {
  private readonly texts: string[];
  private readonly ids = new Map<string, number>();

  constructor(firstByte: number) {
    // Latin-1 text stands for bytes here: a string is a handy key.
    this.texts = Array.from({ length: firstByte + NUM_BYTES }, (_, id) => (id < firstByte ? "" : String.fromCharCode(id - firstByte)));
    this.texts.forEach((text, id) => text && this.ids.set(text, id));
  }

  get size(): number {
    return this.texts.length;
  }

  merged(left: number, right: number): number {
    const text = this.texts[left]! + this.texts[right]!;
    const known = this.ids.get(text);
    if (known !== undefined) return known;
    this.ids.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }
}
