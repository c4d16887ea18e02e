import { describe, expect, it } from "vitest";
import { streamText } from "./stream-text.js";

/** One token per byte of UTF-8. */
const bytes = { decode: (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids)) };

async function pieces(ids: Iterable<number>): Promise<string[]> {
  const stream = async function* () {
    yield* ids;
  };
  const all: string[] = [];
  for await (const piece of streamText(bytes, stream())) all.push(piece);
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
});
