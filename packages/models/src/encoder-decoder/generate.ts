import * as tf from "@tensorflow/tfjs";
import { ConfigError, DataError, randomUniform } from "@moekit/core";
import type { GenerateOptions } from "../generation/generate.js";
import { sampleToken } from "../generation/sample.js";
import { checkSampling } from "../generation/sampling-options.js";
import { DecoderCache } from "./decoder-cache.js";
import type { EncoderDecoder } from "./encoder-decoder.js";

/**
 * Answers a sequence of token ids, one token at a time. The input is encoded once; after that each step costs one position
 * of the decoder, with what came before kept in a {@link DecoderCache}. The start token is not yielded.
 *
 * Leaving the loop early frees everything.
 *
 * @param ids - The encoder's input, at least one token.
 * @throws DataError if the input is empty or has an id outside the vocabulary; ConfigError for a sampling option out of
 * range, or a model without a start token.
 * @example for await (const id of generateFromEncoder(model, [1820, 1566, 1], { maxNewTokens: 20 })) console.log(id);
 */
export async function* generateFromEncoder(model: EncoderDecoder, ids: readonly number[], options: GenerateOptions): AsyncGenerator<number, void, undefined> {
  const { maxNewTokens, seed = 0, stop = model.config.endTokenIds, signal } = options;
  checkInput(ids, model.config.vocabSize);
  checkSampling(options);
  const cache = new DecoderCache();
  const encoded = tf.tidy(() => model.encode(row(ids)).hidden);
  try {
    const history = { prompt: [startOf(model)], generated: [] as number[] };
    for (let count = 0; count < maxNewTokens; count++) {
      signal?.throwIfAborted();
      const last = history.generated.at(-1) ?? history.prompt[0]!;
      const next = sampleToken(await lastLogits(model, last, encoded, cache), options, () => randomUniform(1, { seed, stream: count })[0]!, history);
      if (stop.includes(next)) return;
      yield next;
      history.generated.push(next);
    }
  } finally {
    cache.dispose();
    encoded.dispose();
  }
}

const row = (ids: readonly number[]): tf.Tensor2D => tf.tensor2d([...ids], [1, ids.length], "int32");

function startOf({ config: { startTokenId } }: EncoderDecoder): number {
  if (startTokenId === undefined) throw new ConfigError("generateFromEncoder: the model's config.json must have decoder_start_token_id, which the output begins with; it has none.");
  return startTokenId;
}

async function lastLogits(model: EncoderDecoder, id: number, encoded: tf.Tensor3D, cache: DecoderCache): Promise<Float32Array> {
  const logits = tf.tidy(() => model.decode(row([id]), encoded, { cache, lastOnly: true }).logits);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}

function checkInput(ids: readonly number[], vocabSize: number): void {
  if (ids.length === 0) throw new DataError("generateFromEncoder: the input is empty; it must have at least one token.");
  const wrong = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
  if (wrong !== undefined) throw new DataError(`generateFromEncoder: token id ${wrong} is not from 0 to ${vocabSize - 1}. Is this the model's own tokenizer?`);
}
