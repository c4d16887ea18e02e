import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BpeTokenizer } from "../bpe/bpe-tokenizer.js";
import { tokenizeCorpus } from "../corpus/tokenize-corpus.js";
import { evaluationWindows } from "./evaluation-windows.js";

// Ids: 0 end of text, then byte b at 1 + b, and "ab" = 257. So a 98, b 99, c 100.
const tokenizer = new BpeTokenizer(["<|endoftext|>"], [[98, 99]]);
const stream = (...documents: string[]) => tokenizeCorpus([{ name: "d", documents }], tokenizer)[0]!;

describe("evaluationWindows", () => {
  test("cuts a stream into windows, worked by hand", () => {
    // Stream: 0 | ab c | 0 | c c c | 0 = [0, 257, 100, 0, 100, 100, 100, 0], windows of 3 and batches of 2 rows.
    const [set] = evaluationWindows([stream("abc", "ccc")], { tokenizer, batchSize: 2, sequenceLength: 3 });
    expect(set).toEqual({
      domain: "d",
      batches: [
        { inputIds: Int32Array.of(0, 257, 100, 0, 100, 100), targetIds: Int32Array.of(257, 100, -1, 100, 100, 100), domainIds: Int32Array.of(0, 0), batchSize: 2, sequenceLength: 3 },
        { inputIds: Int32Array.of(100, 0, 0), targetIds: Int32Array.of(-1, -1, -1), domainIds: Int32Array.of(0), batchSize: 1, sequenceLength: 3 },
      ],
      bytes: 6,
      tokens: 5,
      targetPositions: Int32Array.of(1, 2, 4, 5, 6),
    });
  });

  test("without a limit the targets are the whole text, each token once", () => {
    const text = fc.stringMatching(/^[abcé]{1,30}$/);
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 4 }), (documents, sequenceLength, batchSize) => {
        const [set] = evaluationWindows([stream(...documents)], { tokenizer, batchSize, sequenceLength });
        const targets = set!.batches.flatMap(({ targetIds }) => [...targetIds]).filter((id) => id >= 0);
        expect(tokenizer.decode(targets)).toBe(documents.join(""));
        expect(set!.bytes).toBe(new TextEncoder().encode(documents.join("")).length);
        expect(targets).toHaveLength(set!.tokens);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test("with a limit the windows are evenly spread, and bytes and tokens count only theirs", () => {
    // 16 windows of 2 over 33 tokens; 4 of them are windows 0, 4, 8, 12.
    const [set] = evaluationWindows([stream("c".repeat(31))], { tokenizer, batchSize: 8, sequenceLength: 2, maxWindows: 4 });
    expect([...set!.targetPositions]).toEqual([1, 2, 9, 10, 17, 18, 25, 26]);
    expect([set!.tokens, set!.bytes, set!.batches[0]!.batchSize]).toEqual([8, 8, 4]);
  });

  test("rows carry the index of their stream as domain", () => {
    const sets = evaluationWindows([stream("abc"), { ...stream("c"), name: "e" }], { tokenizer, batchSize: 1, sequenceLength: 8 });
    expect(sets.map(({ domain, batches }) => [domain, ...batches[0]!.domainIds])).toEqual([["d", 0], ["e", 1]]);
  });

  test("an empty corpus, a stream without text and sizes out of range are errors", () => {
    const options = { tokenizer, batchSize: 1, sequenceLength: 8 };
    expect(() => evaluationWindows([], options)).toThrow("the corpus is empty");
    expect(() => evaluationWindows([{ name: "void", tokens: Int32Array.of(0, 0), endOfText: 0 }], options)).toThrow('domain "void" has no text');
    expect(() => evaluationWindows([stream("a")], { ...options, maxWindows: 0 })).toThrow("maxWindows must be a positive integer; got 0");
  });
});
