/**
 * GPT-2's printable stand-ins for bytes: Latin-1 letters and signs stand for themselves, the other 68 bytes follow from
 * U+0100 on. A `tokenizer.json` writes tokens in this alphabet.
 */
const PRINTABLE = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;

const CHARACTERS: readonly string[] = alphabet();

/** A token's bytes as text of the alphabet. */
export function toAlphabet(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => CHARACTERS[byte]!).join("");
}

function alphabet(): string[] {
  let others = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(PRINTABLE(byte) ? byte : others++));
}
