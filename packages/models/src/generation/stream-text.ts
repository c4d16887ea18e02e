import type { TextTokenizer } from "../tokenizer/tokenizer.js";

/** What a decoder puts where the bytes of a character are not complete yet. */
const INCOMPLETE = "\uFFFD";

/**
 * How {@link streamText} ends.
 * @example const options: StreamTextOptions = { stop: ["\n\n"] };
 */
export interface StreamTextOptions {
  /** Texts that end the stream; they are not yielded. */
  readonly stop?: readonly string[];
}

/**
 * Turns a stream of token ids into a stream of text. A piece is held back until its characters are complete, as one
 * character may take several tokens, and while it may become a stop text. All pieces together are the decoded text.
 *
 * @example for await (const text of streamText(tokenizer, generate(model, ids, { maxNewTokens: 50 }))) process.stdout.write(text);
 */
export async function* streamText(tokenizer: Pick<TextTokenizer, "decode">, ids: AsyncIterable<number>, { stop = [] }: StreamTextOptions = {}): AsyncGenerator<string, void, undefined> {
  const stops = stop.filter((text) => text !== "");
  const seen: number[] = [];
  let sent = 0;
  let text = "";
  for await (const id of ids) {
    seen.push(id);
    text = tokenizer.decode(seen);
    if (text.endsWith(INCOMPLETE)) continue;
    const end = firstOf(stops, text, sent);
    const safe = end ?? text.length - heldBack(stops, text.slice(sent));
    if (safe > sent) yield text.slice(sent, safe);
    sent = Math.max(sent, safe);
    if (end !== undefined) return;
  }
  const rest = text.slice(sent, firstOf(stops, text, sent));
  if (rest) yield rest;
}

/** Where the first stop text begins; what was sent before cannot be part of one. */
function firstOf(stops: readonly string[], text: string, from: number): number | undefined {
  const found = stops.map((stop) => text.indexOf(stop, from)).filter((at) => at >= 0);
  return found.length > 0 ? Math.min(...found) : undefined;
}

/** Length of the longest end of the text that a stop text begins with. */
function heldBack(stops: readonly string[], text: string): number {
  const longest = Math.max(0, ...stops.map(({ length }) => length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) if (stops.some((stop) => stop.startsWith(text.slice(-length)))) return length;
  return 0;
}
