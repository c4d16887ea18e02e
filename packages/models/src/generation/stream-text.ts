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
 * character may take several tokens, and while it may become a stop text. All pieces together are the decoded text. The work
 * for each token does not grow with the text.
 *
 * @example for await (const text of streamText(tokenizer, generate(model, ids, { maxNewTokens: 50 }))) process.stdout.write(text);
 */
export async function* streamText(tokenizer: Pick<TextTokenizer, "decode">, ids: AsyncIterable<number>, { stop = [] }: StreamTextOptions = {}): AsyncGenerator<string, void, undefined> {
  yield* beforeStop(decoded(tokenizer, ids), stop.filter((text) => text !== ""));
}

/**
 * The text that each token adds. What a token becomes depends on the one before it (a first space may be left out, bytes
 * join), so the tokens of the last piece are decoded along and their text taken off.
 */
async function* decoded(tokenizer: Pick<TextTokenizer, "decode">, ids: AsyncIterable<number>): AsyncGenerator<string, void, undefined> {
  let context: number[] = [];
  let fresh: number[] = [];
  const added = () => tokenizer.decode([...context, ...fresh]).slice(tokenizer.decode(context).length);
  for await (const id of ids) {
    fresh.push(id);
    const piece = added();
    if (piece === "" || piece.endsWith(INCOMPLETE)) continue;
    yield piece;
    [context, fresh] = [fresh, []];
  }
  if (fresh.length > 0) yield added();
}

/** The pieces up to the first stop text; the end of what has come is kept while a stop text may begin with it. */
async function* beforeStop(pieces: AsyncIterable<string>, stops: readonly string[]): AsyncGenerator<string, void, undefined> {
  let held = "";
  for await (const piece of pieces) {
    held += piece;
    const ends = stops.map((stop) => held.indexOf(stop)).filter((at) => at >= 0);
    const safe = ends.length > 0 ? Math.min(...ends) : held.length - mayBegin(stops, held);
    if (safe > 0) yield held.slice(0, safe);
    if (ends.length > 0) return;
    held = held.slice(safe);
  }
  if (held) yield held;
}

/** Length of the longest end of the text that a stop text begins with. */
function mayBegin(stops: readonly string[], text: string): number {
  const longest = Math.max(0, ...stops.map(({ length }) => length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) if (stops.some((stop) => stop.startsWith(text.slice(-length)))) return length;
  return 0;
}
