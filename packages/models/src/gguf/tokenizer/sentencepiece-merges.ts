/**
 * The merges of a SentencePiece vocabulary, best first. SentencePiece joins the two neighbours whose joined piece has the
 * highest score; a list of all ways to make each piece, by its score, does the same.
 *
 * @param scores - By piece.
 */
export function sentencePieceMerges(ids: ReadonlyMap<string, number>, scores: readonly number[]): [string, string][] {
  const merges: { left: string; right: string; score: number; order: number }[] = [];
  for (const [piece, id] of ids) {
    const characters = [...piece];
    for (let cut = 1; cut < characters.length; cut++) {
      const [left, right] = [characters.slice(0, cut).join(""), characters.slice(cut).join("")];
      if (ids.has(left) && ids.has(right)) merges.push({ left, right, score: scores[id]!, order: ids.get(left)! });
    }
  }
  return merges.sort((a, b) => b.score - a.score || a.left.length - b.left.length || a.order - b.order).map(({ left, right }) => [left, right]);
}
