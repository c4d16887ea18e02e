import type { CountedPair } from "./pair-queue.js";

/** Room for token ids in a pair's key: left * 2^20 + right is exact in a double. */
const ID_LIMIT = 2 ** 20;

/** A word of the corpus as token ids, and how often it occurs. */
export interface Word {
  ids: number[];
  readonly count: number;
}

/** How often each pair of neighbouring tokens occurs in a list of words, kept up to date while pairs are merged. */
export class PairCounts {
  private readonly counts = new Map<number, number>();
  private readonly places = new Map<number, number[]>();

  constructor(private readonly words: readonly Word[]) {
    words.forEach(({ ids, count }, index) => {
      for (let i = 1; i < ids.length; i++) this.change(ids[i - 1]!, ids[i]!, count, index);
    });
  }

  get({ left, right }: { left: number; right: number }): number {
    return this.counts.get(left * ID_LIMIT + right) ?? 0;
  }

  all(): CountedPair[] {
    return Array.from(this.counts, ([key, count]) => ({ left: Math.floor(key / ID_LIMIT), right: key % ID_LIMIT, count }));
  }

  /** Replaces the pair by `id` in all words. Returns the pairs that became more frequent, with their counts. */
  merge(left: number, right: number, id: number): CountedPair[] {
    const key = left * ID_LIMIT + right;
    const indices = new Set(this.places.get(key));
    this.places.delete(key);
    const grown = new Set<number>();
    for (const index of indices) this.mergeInWord(index, left, right, id, grown);
    this.counts.delete(key);
    grown.delete(key);
    return Array.from(grown, (k) => ({ left: Math.floor(k / ID_LIMIT), right: k % ID_LIMIT, count: this.counts.get(k)! }));
  }

  private mergeInWord(index: number, left: number, right: number, id: number, grown: Set<number>): void {
    const word = this.words[index]!;
    const { ids, count } = word;
    const merged = replacePair(ids, left, right, id);
    if (merged.length === ids.length) return; // an earlier merge took the pair away
    for (let i = 1; i < ids.length; i++) this.change(ids[i - 1]!, ids[i]!, -count);
    for (let i = 1; i < merged.length; i++) {
      const isNew = merged[i - 1] === id || merged[i] === id;
      const key = this.change(merged[i - 1]!, merged[i]!, count, isNew ? index : undefined);
      if (isNew) grown.add(key);
    }
    word.ids = merged;
  }

  private change(left: number, right: number, by: number, index?: number): number {
    const key = left * ID_LIMIT + right;
    this.counts.set(key, (this.counts.get(key) ?? 0) + by);
    if (index === undefined) return key;
    const places = this.places.get(key);
    if (!places) this.places.set(key, [index]);
    else if (places[places.length - 1] !== index) places.push(index);
    return key;
  }
}

/** `ids` with each `left, right`, from the left on, replaced by `id`. */
export function replacePair(ids: readonly number[], left: number, right: number, id: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    const isPair = ids[i] === left && ids[i + 1] === right;
    out.push(isPair ? id : ids[i]!);
    if (isPair) i++;
  }
  return out;
}
