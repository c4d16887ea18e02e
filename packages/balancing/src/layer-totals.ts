import { DataError } from "@moekit/core";

/**
 * {@link LayerTotals} as plain JSON values.
 * @example const totals: LayerTotalsJson = layer.toJSON();
 */
export interface LayerTotalsJson {
  readonly counts: readonly number[];
  readonly top1: readonly number[];
  readonly pairs: readonly number[];
  readonly adjacentPairs: readonly number[];
  readonly domains: readonly number[];
  readonly domainsTop1: readonly number[];
  readonly dropped: number;
  /** `[token id, counts]` */
  readonly tokens: readonly (readonly [number, readonly number[]])[];
}

/**
 * One token besides its experts.
 * @example const facts: TokenFacts = { domain: 1, token: 42, dropped: 0 };
 */
export interface TokenFacts {
  /** Its domain, where known. */
  readonly domain?: number;
  /** Its id, where known. */
  readonly token?: number;
  /** How many of its choices were dropped for capacity. */
  readonly dropped: number;
}

/**
 * What a {@link RoutingRecorder} counts in one layer. All whole numbers; matrices are flat, row after row.
 * @example const { counts } = recorder.layers[0]!;
 */
export class LayerTotals {
  /** `[E]` choices of each expert. */
  readonly counts: Float64Array;
  /** `[E]` tokens whose best expert it is. */
  readonly top1: Float64Array;
  /** `[E, E]` tokens that use both; symmetric, 0 on the diagonal. */
  readonly pairs: Float64Array;
  /** `[E, E]` the same for neighbours in rank only. */
  readonly adjacentPairs: Float64Array;
  /** `[numDomains, E]` choices by tokens of a domain. */
  readonly domains: Float64Array;
  /** `[numDomains, E]` best experts of tokens of a domain. */
  readonly domainsTop1: Float64Array;
  /** Token id to `[E]`: best experts of its occurrences. */
  readonly tokens = new Map<number, Float64Array>();
  /** Choices dropped for capacity; they are in no other count. */
  dropped = 0;

  constructor(
    private readonly numExperts: number,
    numDomains: number,
  ) {
    this.counts = new Float64Array(numExperts);
    this.top1 = new Float64Array(numExperts);
    this.pairs = new Float64Array(numExperts ** 2);
    this.adjacentPairs = new Float64Array(numExperts ** 2);
    this.domains = new Float64Array(numDomains * numExperts);
    this.domainsTop1 = new Float64Array(numDomains * numExperts);
  }

  /** Adds one token with its experts, best first. */
  add(experts: readonly number[], { domain, token, dropped }: TokenFacts): void {
    this.dropped += dropped;
    for (const e of experts) this.counts[e]!++;
    this.addPairs(experts);
    if (domain !== undefined) for (const e of experts) this.domains[domain * this.numExperts + e]!++;
    const [best] = experts;
    if (best === undefined) return;
    this.top1[best]!++;
    if (domain !== undefined) this.domainsTop1[domain * this.numExperts + best]!++;
    if (token !== undefined) this.tokenCounts(token)[best]!++;
  }

  /** Adds another layer's totals. */
  merge(other: LayerTotals): void {
    for (const name of ARRAYS) addInto(this[name], other[name]);
    for (const [token, counts] of other.tokens) addInto(this.tokenCounts(token), counts);
    this.dropped += other.dropped;
  }

  /** Called by `JSON.stringify`. */
  toJSON(): LayerTotalsJson {
    const arrays = Object.fromEntries(ARRAYS.map((name) => [name, [...this[name]]])) as Record<(typeof ARRAYS)[number], number[]>;
    return { ...arrays, dropped: this.dropped, tokens: [...this.tokens].map(([token, counts]) => [token, [...counts]] as const) };
  }

  /** Takes the place of what was counted so far. @throws DataError if an array has another length. */
  load(json: LayerTotalsJson): void {
    for (const name of ARRAYS) restore(name, this[name], json[name]);
    this.tokens.clear();
    for (const [token, counts] of json.tokens) restore(`tokens ${token}`, this.tokenCounts(token), counts);
    this.dropped = json.dropped;
  }

  private addPairs(experts: readonly number[]): void {
    experts.forEach((i, a) =>
      experts.forEach((j, b) => {
        if (a === b) return;
        this.pairs[i * this.numExperts + j]!++;
        if (Math.abs(a - b) === 1) this.adjacentPairs[i * this.numExperts + j]!++;
      }),
    );
  }

  private tokenCounts(token: number): Float64Array {
    const counts = this.tokens.get(token) ?? new Float64Array(this.numExperts);
    this.tokens.set(token, counts);
    return counts;
  }
}

const ARRAYS = ["counts", "top1", "pairs", "adjacentPairs", "domains", "domainsTop1"] as const;

/** `sums += more`, entry by entry. */
export function addInto(sums: Float64Array, more: Float64Array): void {
  more.forEach((value, i) => (sums[i]! += value));
}

/** Takes over sums that were written to JSON. */
export function restore(name: string, sums: Float64Array, written: readonly number[]): void {
  checkLength(name, sums, written);
  sums.set(written);
}

/** Throws a DataError unless both have as many entries. */
export function checkLength(name: string, wanted: ArrayLike<unknown>, written: ArrayLike<unknown>): void {
  if (wanted.length !== written.length) throw new DataError(`RoutingRecorder: ${name} must have ${wanted.length} entries, as the options say; got ${written.length}.`);
}
