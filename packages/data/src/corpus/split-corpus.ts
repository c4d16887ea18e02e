import { ConfigError, DataError } from "@moekit/core";
import type { Domain } from "./load-corpus.js";

/**
 * How much is held out, and from how many places.
 * @example const options: SplitOptions = { validationFraction: 0.05, chunks: 8 };
 */
export interface SplitOptions {
  /** Share of each domain's characters that is held out, between 0 and 1. @defaultValue 0.1 */
  readonly validationFraction?: number;
  /** Contiguous held-out chunks per domain, evenly spread. More chunks represent it better. @defaultValue 5 */
  readonly chunks?: number;
}

/**
 * The two parts of a corpus, domain by domain in the same order.
 * @example const { train, validation }: CorpusSplit = splitCorpus(domains);
 */
export interface CorpusSplit {
  readonly train: readonly Domain[];
  readonly validation: readonly Domain[];
}

/**
 * Holds out contiguous chunks of every domain for validation.
 *
 * A domain is cut into `chunks` equal stretches and the end of each stretch is held out. Cuts fall on the next line end or,
 * in long lines, on the next space. What is left on both sides of a cut becomes separate documents, so no training window
 * runs across a gap and no held-out chunk starts with training text as its context. The same corpus gives the same split.
 *
 * @throws ConfigError if an option is out of its range; DataError if a domain is too short to fill both parts.
 * @example const { train, validation } = splitCorpus(await loadCorpus("corpus"), { validationFraction: 0.1 });
 */
export function splitCorpus(domains: readonly Domain[], { validationFraction = 0.1, chunks = 5 }: SplitOptions = {}): CorpusSplit {
  if (!(validationFraction > 0 && validationFraction < 1)) throw new ConfigError(`splitCorpus: validationFraction must be between 0 and 1; got ${validationFraction}.`);
  if (!(Number.isInteger(chunks) && chunks > 0)) throw new ConfigError(`splitCorpus: chunks must be a positive integer; got ${chunks}.`);
  if (domains.length === 0) throw new DataError("splitCorpus: the corpus is empty; give at least one domain.");
  const parts = domains.map((domain) => splitDomain(domain, validationFraction, chunks));
  return { train: parts.map(({ train }) => train), validation: parts.map(({ validation }) => validation) };
}

function splitDomain({ name, documents }: Domain, fraction: number, chunks: number): { train: Domain; validation: Domain } {
  const total = documents.reduce((sum, text) => sum + text.length, 0);
  const cuts = Array.from({ length: 2 * chunks }, (_, i) => Math.floor((total * ((i >> 1) + (i % 2 ? 1 : 1 - fraction))) / chunks));
  const parts: [string[], string[]] = [[], []];
  let [start, next] = [0, 0];
  for (const text of documents) {
    let from = 0;
    for (; next < cuts.length - 1 && cuts[next]! < start + text.length; next++) {
      const to = cutPlace(text, Math.max(cuts[next]! - start, from));
      keep(parts[next % 2]!, text.slice(from, to));
      from = to;
    }
    keep(parts[next % 2]!, text.slice(from));
    start += text.length;
  }
  const [train, validation] = parts;
  if (train.length === 0 || validation.length === 0) throw new DataError(`splitCorpus: domain "${name}" is too short (${total} characters) to hold out ${chunks} chunks of it.`);
  return { train: { name, documents: train }, validation: { name, documents: validation } };
}

function keep(documents: string[], text: string): void {
  const trimmed = text.trim();
  if (trimmed.length > 0) documents.push(trimmed);
}

const LONG_LINE = 1000;

/** The end of the line at `position`; in a long line the end of the word; where there is none, the end of the text. */
function cutPlace(text: string, position: number): number {
  const line = text.indexOf("\n", position);
  if (line >= 0 && line - position < LONG_LINE) return line + 1;
  const word = text.indexOf(" ", position);
  return word < 0 ? text.length : word;
}
