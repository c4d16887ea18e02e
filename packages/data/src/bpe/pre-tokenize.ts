/**
 * GPT-2's pattern: contractions, words and numbers with the space before them, runs of punctuation, white space.
 * @source Radford et al. 2019, "Language models are unsupervised multitask learners", encoder.py.
 */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** Cuts a text into the words inside which byte pairs are merged; together they are the text. */
export function preTokenize(text: string): string[] {
  return text.match(WORDS) ?? [];
}
