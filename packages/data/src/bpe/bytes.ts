/** Byte strings one after the other. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Bytes as a string of as many characters: a key for maps. */
export function byteKey(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
