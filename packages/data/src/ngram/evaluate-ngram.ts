import { DataError } from "@moekit/core";
import type { EvaluationWindows } from "../batches/evaluation-windows.js";
import type { TokenStream } from "../corpus/tokenize-corpus.js";
import type { NgramModel } from "./kneser-ney.js";

/**
 * Held-out loss of an n-gram model on one domain.
 * @example const { bitsPerByte }: NgramLoss = evaluateNgram(model, stream, windows);
 */
export interface NgramLoss {
  readonly domain: string;
  /** Mean negative log-likelihood per target token, in nats. */
  readonly nats: number;
  /** `total nats / (bytes ln 2)`. */
  readonly bitsPerByte: number;
  readonly tokens: number;
  readonly bytes: number;
}

/**
 * Measures an n-gram model on exactly the targets on which a neural model is measured.
 *
 * The baseline always sees the `order - 1` tokens before a target, also across the start of a window, where the neural model
 * sees none: the comparison favours the baseline. Document ends are not special to either, both see end-of-text tokens as
 * context and neither is scored on them.
 *
 * @param stream - The stream that the windows were cut from.
 * @throws DataError if stream and windows are of different domains.
 * @example const { bitsPerByte } = evaluateNgram(model, streams[0]!, evaluationWindows(streams, options)[0]!);
 */
export function evaluateNgram(model: NgramModel, { name, tokens }: TokenStream, windows: EvaluationWindows): NgramLoss {
  const { domain, targetPositions, bytes } = windows;
  if (domain !== name) throw new DataError(`evaluateNgram: stream and windows must be of one domain; got "${name}" and "${domain}".`);
  let total = 0;
  for (const position of targetPositions) total += model.nats(tokens, position);
  return { domain, nats: total / targetPositions.length, bitsPerByte: total / (bytes * Math.LN2), tokens: targetPositions.length, bytes };
}
