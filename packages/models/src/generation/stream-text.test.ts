import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GgufFile } from "../gguf/gguf-file.js";
import { tokenizerOfGguf } from "../gguf/tokenizer/tokenizer-of-gguf.js";
import { streamText } from "./stream-text.js";

/** One token per byte of UTF-8. */
const bytes = { decode: (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids)) };

async function pieces(ids: Iterable<number>, stop?: string[]): Promise<string[]> {
  const stream = async function* () {
    yield* ids;
  };
  const all: string[] = [];
  for await (const piece of streamText(bytes, stream(), { stop })) all.push(piece);
  return all;
}

describe("streamText", () => {
  it("holds a character back until it is complete", async () => {
    expect(await pieces(new TextEncoder().encode("aä€b"))).toEqual(["a", "ä", "€", "b"]);
  });

  it("yields what is left when the stream ends inside a character", async () => {
    expect(await pieces(new TextEncoder().encode("ä").slice(0, 1))).toEqual(["\uFFFD"]);
  });

  it("yields nothing for no tokens", async () => {
    expect(await pieces([])).toEqual([]);
  });

  it("ends before a stop text, and holds back what may become one", async () => {
    const of = (text: string) => new TextEncoder().encode(text);
    expect(await pieces(of("ab\n\ncd"), ["\n\n"])).toEqual(["a", "b"]);
    expect(await pieces(of("a\nb"), ["\n\n"])).toEqual(["a", "\nb"]);
    expect(await pieces(of("a\n"), ["\n\n"])).toEqual(["a", "\n"]);
    expect(await pieces(of("xaab"), ["aab"])).toEqual(["x"]);
    expect(await pieces(of("xaaab"), ["aab"])).toEqual(["x", "a"]);
    expect((await pieces(of("one END two"), ["END", "two"])).join("")).toBe("one ");
    expect((await pieces(of("ab"), [""])).join("")).toBe("ab");
  });

  it("closes the stream of ids at a stop text", async () => {
    let closed = false;
    const stream = async function* () {
      try {
        for (const id of new TextEncoder().encode("a.b.c")) yield id;
      } finally {
        closed = true;
      }
    };
    const all: string[] = [];
    for await (const piece of streamText(bytes, stream(), { stop: ["."] })) all.push(piece);
    expect([all.join(""), closed]).toEqual(["a", true]);
  });

  it.each(["sentencepiece", "gpt-2"])("gives the text that %s decodes at once, for any tokens", async (name) => {
    const file = await GgufFile.open(fileURLToPath(new URL(`../../fixtures/tokenizers/${name}.gguf`, import.meta.url)));
    const tokenizer = tokenizerOfGguf(file.metadata)!;
    await file.close();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 12 }), async (ids) => {
        const stream = async function* () {
          yield* ids;
        };
        let text = "";
        for await (const piece of streamText(tokenizer, stream())) text += piece;
        expect(text).toBe(tokenizer.decode(ids));
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it("decodes a few tokens at a time, however long the text is", async () => {
    let most = 0;
    const counting = { decode: (ids: readonly number[]) => ((most = Math.max(most, ids.length)), bytes.decode(ids)) };
    const stream = async function* () {
      yield* new TextEncoder().encode("a€".repeat(100));
    };
    for await (const _ of streamText(counting, stream()));
    expect(most).toBeLessThan(8);
  });
});
