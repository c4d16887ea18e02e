import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { crossEntropy, DataError, type LanguageModel } from "@moekit/core";
import type { Batch } from "@moekit/data";
import { inputIds, numTargets, tokenDomains } from "./batch.js";

/**
 * Fixed held-out windows of one domain; what `evaluationWindows` of `@moekit/data` returns fits.
 * @example const set: EvaluationSet = { domain: "novel", batches, bytes: 4096 };
 */
export interface EvaluationSet {
  readonly domain: string;
  /** The same windows for all runs that are compared; without overlap of targets. */
  readonly batches: readonly Batch[];
  /** Bytes of text that the targets stand for. */
  readonly bytes: number;
}

/**
 * Held-out loss on one domain.
 * @example const { nats, bitsPerByte } = evaluation.domains.novel!;
 */
export interface DomainLoss {
  /** Mean negative log-likelihood per target token, in nats. */
  readonly nats: number;
  /** `total nats / (bytes ln 2)`: comparable across tokenizers. */
  readonly bitsPerByte: number;
  /** Target tokens. */
  readonly tokens: number;
  readonly bytes: number;
}

/**
 * Held-out losses of a model after some step.
 * @example new Trainer({ ...options, hooks: { onEval: ({ step, mean }) => console.log(step, mean.bitsPerByte) } });
 */
export interface Evaluation {
  readonly kind: "eval";
  /** Optimiser steps done. */
  readonly step: number;
  readonly domains: Readonly<Record<string, DomainLoss>>;
  /** All domains together, each token counting once. */
  readonly mean: DomainLoss;
}

/**
 * Measures a model on fixed windows, domain by domain, with deterministic routing (no noise, no statistics). Parameters,
 * controllers and data positions stay as they are.
 *
 * @param step - Optimiser steps done, for the record.
 * @throws DataError if a set has no target or no bytes, or two sets share a name.
 * @example const { mean } = await evaluate(model, [{ domain: "novel", batches, bytes: 4096 }]);
 */
export async function evaluate(model: LanguageModel, sets: readonly EvaluationSet[], step = 0): Promise<Evaluation> {
  const domains: Record<string, DomainLoss> = {};
  for (const set of sets) {
    if (set.domain in domains) throw new DataError(`evaluate: two sets are named "${set.domain}"; merge them.`);
    domains[set.domain] = await domainLoss(model, set);
  }
  return { kind: "eval", step, domains, mean: together(Object.values(domains)) };
}

async function domainLoss(model: LanguageModel, { domain, batches, bytes }: EvaluationSet): Promise<DomainLoss> {
  const tokens = batches.reduce((sum, batch) => sum + numTargets(batch), 0);
  if (!(tokens > 0 && bytes > 0)) throw new DataError(`evaluate: domain "${domain}" needs targets and bytes; got ${tokens} targets and ${bytes} bytes.`);
  let total = 0;
  for (const batch of batches) {
    const nats = batchNats(model, batch);
    total += (await nats.data())[0]!;
    nats.dispose();
  }
  return toLoss(total, tokens, bytes);
}

function batchNats(model: LanguageModel, batch: Batch): tf.Tensor {
  return tf.tidy(() => {
    const { logits } = model.forward(inputIds(batch), { context: { training: false, domainIds: tokenDomains(batch) } });
    const logits_TV = tf.reshape(logits, [-1, logits.shape[2]]) as Tensor2D;
    return tf.sum(crossEntropy(logits_TV, tf.tensor1d(batch.targetIds, "int32")));
  });
}

function together(losses: readonly DomainLoss[]): DomainLoss {
  const sum = (value: (loss: DomainLoss) => number) => losses.reduce((total, loss) => total + value(loss), 0);
  return toLoss(sum(({ nats, tokens }) => nats * tokens), sum(({ tokens }) => tokens), sum(({ bytes }) => bytes));
}

const toLoss = (total: number, tokens: number, bytes: number): DomainLoss => ({ nats: total / tokens, bitsPerByte: total / (bytes * Math.LN2), tokens, bytes });
