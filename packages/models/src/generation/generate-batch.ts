/** B sequences of a group, V vocabulary. */
import * as tf from "@tensorflow/tfjs";
import { DataError, randomUniform } from "@moekit/core";
import type { MoeTransformer } from "../moe-transformer.js";
import type { GeneratedToken, GenerateTokensOptions } from "./generate.js";
import { anglesDependOnLength } from "../blocks/rotary-tables.js";
import { KeyValueCache } from "./key-value-cache.js";
import { logProbabilities } from "./log-probabilities.js";
import { sampleToken } from "./sample.js";
import { checkSampling } from "./sampling-options.js";

/**
 * A token of {@link generateBatch}.
 * @example const { sequence, id }: BatchToken = (await tokens.next()).value;
 */
export interface BatchToken extends GeneratedToken {
  /** The prompt that it continues. */
  readonly sequence: number;
}

/**
 * Continues several sequences at once. Prompts of one length go through the model together, those of other lengths beside
 * them; each step gives one token for every sequence that has not ended. What a sequence becomes does not depend on the
 * others: the random numbers are those of `seed` and its place in the batch (the first one's are those of {@link generate}).
 *
 * Leaving the loop early frees everything.
 *
 * @param prompts - Each at least one token.
 * @throws DataError if a prompt is empty or has an id outside the vocabulary; ConfigError for a sampling option out of range.
 * @example for await (const { sequence, id } of generateBatch(model, [[1, 2], [3, 4, 5]], { maxNewTokens: 20 })) console.log(sequence, id);
 */
export async function* generateBatch(model: MoeTransformer, prompts: readonly (readonly number[])[], options: GenerateTokensOptions): AsyncGenerator<BatchToken, void, undefined> {
  for (const prompt of prompts) checkPrompt(prompt, model.config.vocabSize);
  checkSampling(options);
  const groups = groupByLength(prompts);
  try {
    for (let count = 0; count < options.maxNewTokens && groups.some(isOpen); count++) {
      for (const group of groups.filter(isOpen)) {
        options.signal?.throwIfAborted();
        yield* await step(model, group, options);
      }
    }
  } finally {
    for (const { cache } of groups) cache.dispose();
  }
}

interface Sequence {
  readonly index: number;
  readonly prompt: readonly number[];
  readonly generated: number[];
  ended: boolean;
}

/** Sequences that are equally long, and what the model keeps of them. */
interface Group {
  readonly sequences: readonly Sequence[];
  readonly cache: KeyValueCache;
}

const isOpen = ({ sequences }: Group): boolean => sequences.some(({ ended }) => !ended);

function groupByLength(prompts: readonly (readonly number[])[]): Group[] {
  const groups = new Map<number, Sequence[]>();
  prompts.forEach((prompt, index) => groups.set(prompt.length, [...(groups.get(prompt.length) ?? []), { index, prompt, generated: [], ended: false }]));
  return [...groups.values()].map((sequences) => ({ sequences, cache: new KeyValueCache() }));
}

/** One more token for each sequence of a group. One that has ended stays in the batch, with its last token again. */
async function step(model: MoeTransformer, { sequences, cache }: Group, options: GenerateTokensOptions): Promise<BatchToken[]> {
  const { stop = model.config.endTokenIds, topLogprobs = 0, seed = 0 } = options;
  // Where positions stretch with the length, all tokens are read again.
  if (anglesDependOnLength(model.config, cache.length, cache.length + 1)) cache.dispose();
  const rows = sequences.map((sequence) => (cache.length === 0 ? allTokens(sequence, sequences) : sequence.generated.slice(-1)));
  const logits_BV = await lastLogits(model, rows, cache);
  const tokens: BatchToken[] = [];
  sequences.forEach((sequence, row) => {
    if (sequence.ended) return;
    const { index, prompt, generated } = sequence;
    const logits = logits_BV.subarray(row * model.config.vocabSize, (row + 1) * model.config.vocabSize);
    const random = () => randomUniform(1, { seed, stream: index === 0 ? generated.length : `${index}.${generated.length}` })[0]!;
    const id = sampleToken(logits, options, random, { prompt, generated });
    generated.push(id);
    sequence.ended = stop.includes(id);
    if (!sequence.ended) tokens.push({ sequence: index, ...logProbabilities(logits, id, topLogprobs) });
  });
  return tokens;
}

/** The prompt and what followed; one that has ended goes on with its last token, to be as long as the others. */
function allTokens({ prompt, generated }: Sequence, group: readonly Sequence[]): number[] {
  const missing = Math.max(...group.map((other) => other.generated.length)) - generated.length;
  return [...prompt, ...generated, ...new Array<number>(missing).fill(generated.at(-1)!)];
}

async function lastLogits(model: MoeTransformer, rows: readonly (readonly number[])[], cache: KeyValueCache): Promise<Float32Array> {
  const ids = Int32Array.from(rows.flat());
  const logits = tf.tidy(() => model.forward(tf.tensor2d(ids, [rows.length, rows[0]!.length], "int32"), { cache, lastOnly: true }).logits);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}

function checkPrompt(ids: readonly number[], vocabSize: number): void {
  if (ids.length === 0) throw new DataError("generate: the prompt is empty; it must have at least one token.");
  const wrong = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
  if (wrong !== undefined) throw new DataError(`generate: token id ${wrong} is not from 0 to ${vocabSize - 1}. Is this the model's own tokenizer?`);
}
