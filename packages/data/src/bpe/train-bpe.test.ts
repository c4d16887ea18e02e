import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { preTokenize } from "./pre-tokenize.js";
import { trainBpe } from "./train-bpe.js";

const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);

/** The definition, as slowly as it reads: count all pairs anew before every merge. */
function slowMerges(texts: string[], numMerges: number, firstByte: number): [number, number][] {
  const words = texts.flatMap(preTokenize).map((word) => Array.from(new TextEncoder().encode(word), (byte) => firstByte + byte));
  const spelled = new Map<string, number>();
  const spelling: string[] = Array.from({ length: firstByte + 256 }, (_, id) => (id < firstByte ? `special ${id}` : String.fromCharCode(id - firstByte)));
  spelling.forEach((name, id) => spelled.set(name, id));
  const merges: [number, number][] = [];
  while (spelling.length < firstByte + 256 + numMerges) {
    const counts = new Map<string, number>();
    for (const ids of words) for (let i = 1; i < ids.length; i++) counts.set(`${ids[i - 1]},${ids[i]}`, (counts.get(`${ids[i - 1]},${ids[i]}`) ?? 0) + 1);
    const pairs = Array.from(counts, ([key, count]) => ({ count, pair: key.split(",").map(Number) as [number, number] })).filter(({ count }) => count >= 2);
    if (pairs.length === 0) break;
    pairs.sort((a, b) => b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1]);
    const [left, right] = pairs[0]!.pair;
    merges.push([left, right]);
    const name = spelling[left]! + spelling[right]!;
    if (!spelled.has(name)) spelled.set(name, spelling.push(name) - 1);
    for (const ids of words) for (let i = 0; i + 1 < ids.length; i++) if (ids[i] === left && ids[i + 1] === right) ids.splice(i, 2, spelled.get(name)!);
  }
  return merges;
}

describe("trainBpe", () => {
  test("merges the most frequent pair first, worked by hand", () => {
    // Words: "ab" 3 times, " ab" and "cb" once: the pair a, b stands 4 times, c, b once.
    const tokenizer = trainBpe(["ab", "ab ab", "ab", "cb"], { vocabSize: 258 });
    expect(tokenizer.merges).toEqual([[98, 99]]); // special token 0, then byte b at 1 + b: "a" = 98, "b" = 99
    expect(text(tokenizer.tokenBytes[257]!)).toBe("ab");
  });

  test("ties go to the pair of smaller ids", () => {
    expect(trainBpe(["zx zx", "ab ab"], { vocabSize: 257, specialTokens: [] }).merges).toEqual([[97, 98]]);
  });

  test("overlapping pairs are merged from the left: aaaaa is aa aa a", () => {
    const tokenizer = trainBpe(["aaaaa", "aaaaa"], { vocabSize: 257, specialTokens: [] });
    expect(tokenizer.encode("aaaaa")).toEqual([256, 256, 97]);
  });

  test("learns the merges of the slow definition", () => {
    const word = fc.stringMatching(/^[abcé]{1,6}$/);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), (words) => {
        const texts = [words.join(" "), words.join(" ")];
        const expected = slowMerges(texts, 12, 1);
        const { tokenBytes, merges } = trainBpe(texts, { vocabSize: 257 + numTokens(expected) });
        expect(merges).toEqual(expected.slice(0, merges.length));
        expect(tokenBytes).toHaveLength(257 + numTokens(expected));
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test("the same texts give the same tokenizer", () => {
    const texts = ["the cat and the hat", "that cat sat there then"];
    expect(trainBpe(texts, { vocabSize: 262 }).toJSON()).toEqual(trainBpe(texts, { vocabSize: 262 }).toJSON());
  });

  test("too little text, no text and impossible options are errors that say what to do", () => {
    expect(() => trainBpe(["abab"], { vocabSize: 300 })).toThrow("the corpus has only 258 tokens to learn (pairs must occur twice); lower vocabSize to 258");
    expect(() => trainBpe([], { vocabSize: 300 })).toThrow("the corpus is empty");
    expect(() => trainBpe(["x"], { vocabSize: 256 })).toThrow("vocabSize must be an integer from 257");
    expect(() => trainBpe(["x"], { vocabSize: 300, specialTokens: ["<s>", "<s>"] })).toThrow('specialTokens must be different and not empty; got ["<s>","<s>"]');
    expect(() => trainBpe(["the the"], { vocabSize: 259, specialTokens: ["the"] })).toThrow('special token "the" is spelled like an ordinary token; write it as <|the|>');
  });
});

/** New tokens among merges: those whose spelling is new. */
function numTokens(merges: [number, number][]): number {
  const spelling = Array.from({ length: 257 }, (_, id) => (id === 0 ? "" : String.fromCharCode(id - 1)));
  for (const [left, right] of merges) {
    const name = spelling[left]! + spelling[right]!;
    if (!spelling.includes(name)) spelling.push(name);
  }
  return spelling.length - 257;
}
