import { readFile } from "node:fs/promises";
import { ConfigError } from "@moekit/core";
import { bpeFromJson, evaluationWindows, MixtureBatches, splitCorpus, tokenizeCorpus, trainBpe, type BpeTokenizer, type EvaluationWindows, type TokenizerJson, type TokenStream } from "@moekit/data";
import { readDomain } from "./read-domain.js";
import type { TrainingConfig } from "./training-config.js";

/** The text of a run as tokens. */
export interface TrainingData {
  readonly tokenizer: BpeTokenizer;
  readonly train: readonly TokenStream[];
  readonly heldOut: readonly TokenStream[];
  /** The windows that every evaluation, baseline and picture uses. */
  readonly windows: readonly EvaluationWindows[];
  /** Id of the token between documents. */
  readonly endOfText: number;
}

/** Reads, splits and tokenizes the domains of a run. @param tokenizerFile - A tokenizer to use instead of training one. */
export async function trainingData({ data, training }: TrainingConfig, tokenizerFile = data.tokenizer.file): Promise<TrainingData> {
  const domains = await Promise.all(Object.entries(data.domains).map(([name, source]) => readDomain(name, source)));
  const { train, validation } = splitCorpus(domains, { validationFraction: data.heldOut.fraction, chunks: data.heldOut.chunks });
  const tokenizer = tokenizerFile ? await readTokenizer(tokenizerFile) : trainBpe(train.flatMap(({ documents }) => documents), { vocabSize: data.tokenizer.vocabSize! });
  const heldOut = tokenizeCorpus(validation, tokenizer);
  const { batchSize, sequenceLength, evaluationWindows: maxWindows } = training;
  const windows = evaluationWindows(heldOut, { tokenizer, batchSize, sequenceLength, maxWindows });
  return { tokenizer, train: tokenizeCorpus(train, tokenizer), heldOut, windows, endOfText: heldOut[0]!.endOfText };
}

/** A fresh source of training batches; all sources of a run give the same batches. */
export function trainingBatches({ data, training: { batchSize, sequenceLength }, seed }: TrainingConfig, streams: readonly TokenStream[]): MixtureBatches {
  const given = Object.entries(data.domains).filter(([, { weight }]) => weight !== undefined);
  const weights = given.length > 0 ? Object.fromEntries(given.map(([name, { weight }]) => [name, weight!])) : undefined;
  return new MixtureBatches({ streams, batchSize, sequenceLength, weights, seed });
}

async function readTokenizer(file: string): Promise<BpeTokenizer> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`data.tokenizer.file: ${file} cannot be read (${error.code}).`);
  });
  let json: TokenizerJson;
  try {
    json = JSON.parse(text) as TokenizerJson;
  } catch (error) {
    throw new ConfigError(`data.tokenizer.file: ${file} is not JSON (${(error as Error).message}).`);
  }
  return bpeFromJson(json);
}
