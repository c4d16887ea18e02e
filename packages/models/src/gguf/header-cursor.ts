import { CheckpointError } from "@moekit/core";
import type { ByteSource } from "../io/byte-source.js";

/** Far above real headers (a vocabulary of 256k tokens with merges takes 20 MB), and read within a second. */
const MAX_HEADER_BYTES = 1 << 26;
const CHUNK_BYTES = 1 << 16;

/**
 * Reads the header of a file from front to back, whose length only becomes known on the way. Every length that the file
 * claims is compared with what the file has left before anything of that size is allocated.
 */
export class HeaderCursor {
  private chunk = new Uint8Array(0);
  private view = new DataView(this.chunk.buffer);
  /** Position of the chunk in the file, and of the cursor in the chunk. */
  private start = 0;
  private at = 0;
  private readonly text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(private readonly source: ByteSource) {}

  /** Position in the file. */
  get position(): number {
    return this.start + this.at;
  }

  get remaining(): number {
    return this.source.size - this.position;
  }

  fail(problem: string): never {
    // Names in a hostile file can be megabytes long.
    throw new CheckpointError(`readGguf: ${this.source.name}: ${problem.slice(0, 500)}`);
  }

  async u32(): Promise<number> {
    await this.need(4, "a number");
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  /** A count or length. @param unitBytes - Fewest bytes that each of what is counted takes in the file. */
  async count(what: string, unitBytes: number): Promise<number> {
    await this.need(8, what);
    const value = this.view.getBigUint64(this.at, true);
    this.at += 8;
    if (value * BigInt(unitBytes) > BigInt(this.remaining)) this.fail(`${what} is ${value}, more than the ${this.remaining} bytes that follow can hold; the file is truncated or damaged.`);
    return Number(value);
  }

  /** A whole number, as large as the format allows. */
  async u64(): Promise<bigint> {
    await this.need(8, "a number");
    this.at += 8;
    return this.view.getBigUint64(this.at - 8, true);
  }

  async string(what: string): Promise<string> {
    const length = await this.count(`the length of ${what}`, 1);
    return this.decode(await this.bytes(length, what), what);
  }

  async strings(count: number, what: string): Promise<string[]> {
    const all: string[] = [];
    while (all.length < count) all.push(this.stringInChunk(what) ?? (await this.string(what)));
    return all;
  }

  /** Vocabularies are hundreds of thousands of strings; waiting for each would take most of the time. */
  private stringInChunk(what: string): string | undefined {
    if (this.at + 8 > this.chunk.length || this.view.getUint32(this.at + 4, true) !== 0) return undefined;
    const end = this.at + 8 + this.view.getUint32(this.at, true);
    if (end > this.chunk.length) return undefined;
    const bytes = this.chunk.subarray(this.at + 8, end);
    this.at = end;
    return this.decode(bytes, what);
  }

  private decode(bytes: Uint8Array, what: string): string {
    if (bytes.length === 0) return "";
    try {
      return this.text.decode(bytes);
    } catch {
      return this.fail(`${what} is not UTF-8.`);
    }
  }

  /** The next bytes; a view that the next call may overwrite. */
  async bytes(length: number, what: string): Promise<Uint8Array> {
    await this.need(length, what);
    this.at += length;
    return this.chunk.subarray(this.at - length, this.at);
  }

  private need(length: number, what: string): Promise<void> | undefined {
    return this.at + length <= this.chunk.length ? undefined : this.refill(length, what);
  }

  private async refill(length: number, what: string): Promise<void> {
    if (length > this.remaining) this.fail(`the file ends inside ${what}; it is truncated.`);
    if (this.position + length > MAX_HEADER_BYTES) this.fail(`the header is longer than ${MAX_HEADER_BYTES} bytes. This is not a model.`);
    const start = this.position;
    const next = new Uint8Array(Math.min(Math.max(length, CHUNK_BYTES), this.remaining));
    await this.source.read(next, start);
    [this.chunk, this.view, this.start, this.at] = [next, new DataView(next.buffer), start, 0];
  }
}
