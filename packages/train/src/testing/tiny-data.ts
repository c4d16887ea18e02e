import type { Batch, BatchSource } from "@moekit/data";

/** Sequences that are a pure function of their position in the stream: noisy counting, two domains that count by 1 and by 3. */
export class TinyData implements BatchSource {
  private position = 0;
  constructor(
    private readonly batchSize = 4,
    private readonly sequenceLength = 6,
    private readonly ignoreEvery = 0,
  ) {}

  next(): Batch {
    const { batchSize, sequenceLength } = this;
    const first = this.position;
    this.position += batchSize;
    const rows = Array.from({ length: batchSize }, (_, row) => sequence(first + row, sequenceLength + 1));
    const targets = rows.flatMap((row) => row.slice(1));
    return {
      inputIds: Int32Array.from(rows.flatMap((row) => row.slice(0, -1))),
      targetIds: Int32Array.from(targets, (id, i) => (this.ignoreEvery > 0 && (first + i) % this.ignoreEvery === 0 ? -1 : id)),
      domainIds: Int32Array.from(rows, (_, row) => (first + row) % 2),
      batchSize,
      sequenceLength,
    };
  }

  state(): { position: number } {
    return { position: this.position };
  }

  restore({ position }: { position: number }): void {
    this.position = position;
  }
}

function sequence(index: number, length: number): number[] {
  const stride = index % 2 === 0 ? 1 : 3;
  return Array.from({ length }, (_, i) => (index * 7 + i * stride + (hash(index * 31 + i) % 5 === 0 ? 1 : 0)) % 11);
}

const hash = (value: number): number => Math.imul(value ^ (value >>> 4), 0x27d4eb2d) >>> 15;
