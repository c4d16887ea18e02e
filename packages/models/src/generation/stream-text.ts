import type { TextTokenizer } from "../tokenizer/tokenizer.js";

/** What a decoder puts where the bytes of a character are not complete yet. */
const INCOMPLETE = "\uFFFD";

/**
 * Turns a stream of token ids into a stream of text. A piece is held back until its characters are complete, as one
 * character may take several tokens. All pieces together are the decoded text.
 *
 * @example for await (const text of streamText(tokenizer, generate(model, ids, { maxNewTokens: 50 }))) process.stdout.write(text);
 */
export async function* streamText(tokenizer: Pick<TextTokenizer, "decode">, ids: AsyncIterable<number>): AsyncGenerator<string, void, undefined> {
  const seen: number[] = [];
  let sent = "";
  for await (const id of ids) {
    seen.push(id);
    const text = tokenizer.decode(seen);
    if (text.endsWith(INCOMPLETE) || text.length <= sent.length) continue;
    yield text.slice(sent.length);
    sent = text;
  }
  const rest = tokenizer.decode(seen).slice(sent.length);
  if (rest) yield rest;
}
