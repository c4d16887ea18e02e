const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g;

/**
 * The first key that an object in `text` has twice, if any. `JSON.parse` keeps the last of them without a word, so two
 * readers could see two different files.
 *
 * @param text - Valid JSON.
 */
export function findDuplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  let lastString = "";
  for (const [token] of text.matchAll(TOKENS)) {
    // Arrays get a set too, so that closing brackets pop in step.
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (token.startsWith('"')) lastString = token;
    else if (token === ":") {
      const key = lastString.includes("\\") ? (JSON.parse(lastString) as string) : lastString.slice(1, -1);
      if (open.at(-1)!.has(key)) return key;
      open.at(-1)!.add(key);
    }
  }
  return undefined;
}
