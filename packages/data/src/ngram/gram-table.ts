/** Largest share of slots in use: linear probing stays short. */
const MAX_LOAD = 0.6;

/**
 * Numbers grams densely: a hash table from a gram's key to its id, with a count per id.
 *
 * A gram's key is (id of the gram without its last token) * symbols + last token, a whole number below 2^53, so grams of any
 * order fit one table each. Open addressing on typed arrays: some 20 bytes per gram.
 */
export class GramTable {
  size = 0;
  /** The key of each gram, by id. */
  keys = new Float64Array(1024);
  /** The count of each gram, by id. */
  counts = new Int32Array(1024);
  /** Id + 1 of the gram in each slot; 0 = free. */
  private slots = new Int32Array(2048);

  /** The gram's id; -1 if it is unknown. */
  find(key: number): number {
    return this.slots[this.slotOf(key)]! - 1;
  }

  /** The gram's id; an unknown gram is added with count 0. */
  add(key: number): number {
    const slot = this.slotOf(key);
    if (this.slots[slot] !== 0) return this.slots[slot]! - 1;
    if (this.size === this.keys.length) this.grow();
    this.keys[this.size] = key;
    this.slots[slot] = ++this.size;
    if (this.size > MAX_LOAD * this.slots.length) this.rehash();
    return this.size - 1;
  }

  /** The slot that holds the key, or the free one where it belongs. */
  private slotOf(key: number): number {
    const mask = this.slots.length - 1;
    let slot = hash(key) & mask;
    for (let id = this.slots[slot]!; id !== 0 && this.keys[id - 1] !== key; id = this.slots[slot]!) slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    const [keys, counts] = [new Float64Array(2 * this.size), new Int32Array(2 * this.size)];
    keys.set(this.keys);
    counts.set(this.counts);
    [this.keys, this.counts] = [keys, counts];
  }

  private rehash(): void {
    this.slots = new Int32Array(2 * this.slots.length);
    for (let id = 0; id < this.size; id++) this.slots[this.slotOf(this.keys[id]!)] = id + 1;
  }
}

/** Mixes both halves of a whole number below 2^53 into 32 bits. */
function hash(key: number): number {
  const low = Math.imul((key >>> 0) ^ 0x9e3779b9, 0x85ebca6b);
  const high = Math.imul((key / 2 ** 32) | 0, 0xc2b2ae35);
  const mixed = Math.imul(low ^ (low >>> 15) ^ high, 0x27d4eb2f);
  return mixed ^ (mixed >>> 16);
}
