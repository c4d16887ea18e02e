import { expect, test } from "vitest";
import { evaluationWindows } from "../batches/evaluation-windows.js";
import { BpeTokenizer } from "../bpe/bpe-tokenizer.js";
import { tokenizeCorpus } from "../corpus/tokenize-corpus.js";
import { evaluateNgram } from "./evaluate-ngram.js";
import { trainKneserNey } from "./kneser-ney.js";

const tokenizer = new BpeTokenizer(["<|endoftext|>"], [[98, 99]]);
const [stream] = tokenizeCorpus([{ name: "d", documents: ["abc", "cab"] }], tokenizer);
const model = trainKneserNey([stream!.tokens], { order: 3, vocabSize: tokenizer.vocabSize });

test("sums the same targets as the windows, with full context across window starts and document ends", () => {
  // Stream: 0 | ab c | 0 | c ab | 0; positions 1, 2, 4, 5 are text: 4 tokens, 6 bytes.
  const [windows] = evaluationWindows([stream!], { tokenizer, batchSize: 1, sequenceLength: 2 });
  const { nats, bitsPerByte, tokens, bytes } = evaluateNgram(model, stream!, windows!);
  const contexts: [number[], number][] = [[[0], 257], [[0, 257], 100], [[100, 0], 100], [[0, 100], 257]];
  const total = contexts.reduce((sum, [context, token]) => sum - Math.log(model.probability(context, token)), 0);
  expect([tokens, bytes]).toEqual([4, 6]);
  expect(nats).toBeCloseTo(total / 4, 14);
  expect(bitsPerByte).toBeCloseTo(total / 6 / Math.LN2, 14);
});

test("does not depend on how the windows are cut", () => {
  const losses = [1, 2, 3, 7].map((sequenceLength) => evaluateNgram(model, stream!, evaluationWindows([stream!], { tokenizer, batchSize: 2, sequenceLength })[0]!));
  for (const loss of losses) expect(loss).toEqual(losses[0]);
});

test("a stream of another domain is refused", () => {
  const [windows] = evaluationWindows([stream!], { tokenizer, batchSize: 1, sequenceLength: 2 });
  expect(() => evaluateNgram(model, { ...stream!, name: "e" }, windows!)).toThrow('stream and windows must be of one domain; got "e" and "d"');
});
