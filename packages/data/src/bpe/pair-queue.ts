/** A pair of token ids and how often it stands in the corpus. */
export interface CountedPair {
  readonly left: number;
  readonly right: number;
  readonly count: number;
}

/** A binary heap of pairs: the most frequent one first, ties to the smaller left id, then the smaller right id. */
export class PairQueue {
  private readonly heap: CountedPair[] = [];

  push(pair: CountedPair): void {
    const { heap } = this;
    let at = heap.push(pair) - 1;
    while (at > 0 && before(pair, heap[(at - 1) >> 1]!)) {
      heap[at] = heap[(at - 1) >> 1]!;
      at = (at - 1) >> 1;
    }
    heap[at] = pair;
  }

  pop(): CountedPair | undefined {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length > 0) this.sink(last!);
    return top;
  }

  /** Puts a pair at the root and moves it down to its place. */
  private sink(pair: CountedPair): void {
    const { heap } = this;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, pair)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = pair;
  }
}

function before(a: CountedPair, b: CountedPair): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.left !== b.left ? a.left < b.left : a.right < b.right;
}
