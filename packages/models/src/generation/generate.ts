import * as tf from "@tensorflow/tfjs";
import { DataError, randomUniform } from "@moekit/core";
import type { MoeTransformer } from "../moe-transformer.js";
import { KeyValueCache } from "./key-value-cache.js";
import { checkSampling, sampleToken, type SamplingOptions } from "./sample.js";

/**
 * How {@link generate} goes on.
 * @example const options: GenerateOptions = { maxNewTokens: 100, temperature: 0.8, topP: 0.95, seed: 1 };
 */
export interface GenerateOptions extends SamplingOptions {
  readonly maxNewTokens: number;
  /** Makes sampling repeatable. @defaultValue 0 */
  readonly seed?: number;
  /** Token ids that end the text; they are not yielded. @defaultValue the model's own end tokens */
  readonly stop?: readonly number[];
  /** Stops between two tokens by throwing its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Continues a sequence of token ids, one token at a time. The prompt is read once; after that each step costs one position,
 * with keys and values kept in a {@link KeyValueCache}.
 *
 * Leaving the loop early frees everything.
 *
 * @param ids - The prompt, at least one token.
 * @throws DataError if the prompt is empty or has an id outside the vocabulary; ConfigError for a sampling option out of range.
 * @example for await (const id of generate(model, [1, 2, 3], { maxNewTokens: 20 })) console.log(id);
 */
export async function* generate(model: MoeTransformer, ids: readonly number[], options: GenerateOptions): AsyncGenerator<number, void, undefined> {
  const { maxNewTokens, seed = 0, stop = model.config.endTokenIds, signal } = options;
  checkPrompt(ids, model.config.vocabSize);
  checkSampling(options);
  const cache = new KeyValueCache();
  try {
    let next: readonly number[] = ids;
    for (let count = 0; count < maxNewTokens; count++) {
      signal?.throwIfAborted();
      const id = sampleToken(await lastLogits(model, next, cache), options, () => randomUniform(1, { seed, stream: count })[0]!);
      if (stop.includes(id)) return;
      yield id;
      next = [id];
    }
  } finally {
    cache.dispose();
  }
}

async function lastLogits(model: MoeTransformer, ids: readonly number[], cache: KeyValueCache): Promise<Float32Array> {
  const logits = tf.tidy(() => model.forward(tf.tensor2d([...ids], [1, ids.length], "int32"), { cache, lastOnly: true }).logits);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}

function checkPrompt(ids: readonly number[], vocabSize: number): void {
  if (ids.length === 0) throw new DataError("generate: the prompt is empty; it must have at least one token.");
  const wrong = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
  if (wrong !== undefined) throw new DataError(`generate: token id ${wrong} is not from 0 to ${vocabSize - 1}. Is this the model's own tokenizer?`);
}
