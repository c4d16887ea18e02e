import { ConfigError } from "@moekit/core";
import type { MoeTransformer } from "../moe-transformer.js";
import { generateBatch } from "./generate-batch.js";
import type { TokenLogprob } from "./log-probabilities.js";
import type { SamplingOptions } from "./sampling-options.js";

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
 * How {@link generateTokens} goes on.
 * @example const options: GenerateTokensOptions = { maxNewTokens: 100, topLogprobs: 5 };
 */
export interface GenerateTokensOptions extends GenerateOptions {
  /** How many of the most probable tokens come with each. @defaultValue 0 */
  readonly topLogprobs?: number;
}

/**
 * A token of {@link generateTokens}.
 * @example for await (const { id, logprob }: GeneratedToken of generateTokens(model, [1, 2], { maxNewTokens: 9 })) console.log(id, logprob);
 */
export interface GeneratedToken extends TokenLogprob {
  /** The most probable tokens at this place, best first. */
  readonly top: readonly TokenLogprob[];
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
  for await (const { id } of generateBatch(model, [ids], options)) yield id;
}

/**
 * As {@link generate}, with the probability of each token.
 * @throws as {@link generate} does, and ConfigError if `topLogprobs` is not a whole number from 0.
 * @example for await (const { id, logprob } of generateTokens(model, [1, 2, 3], { maxNewTokens: 20 })) console.log(id, logprob);
 */
export async function* generateTokens(model: MoeTransformer, ids: readonly number[], options: GenerateTokensOptions): AsyncGenerator<GeneratedToken, void, undefined> {
  const { topLogprobs = 0 } = options;
  if (!(Number.isInteger(topLogprobs) && topLogprobs >= 0)) throw new ConfigError(`generateTokens: topLogprobs must be a whole number from 0; got ${topLogprobs}.`);
  for await (const { sequence: _, ...token } of generateBatch(model, [ids], options)) yield token;
}
