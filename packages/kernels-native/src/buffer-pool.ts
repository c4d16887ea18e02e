/** Elements of typed arrays that tensors use. */
export type PooledArray = Float32Array | Int32Array | Uint8Array;

/** A piece of memory that is used again and again. */
export interface Block {
  readonly buffer: ArrayBuffer;
  /** Where it starts: at a multiple of 64. */
  readonly start: number;
  readonly bytes: number;
  /** Someone outside of the backend may hold the memory: it is left to the garbage collector. */
  shared: boolean;
}

const ALIGNMENT = 64;

/**
 * Memory for outputs of kernels: aligned to cache lines and handed out again once a tensor is disposed, so that it is neither
 * cleared nor mapped anew each time. Values are not set.
 */
export class BufferPool {
  private readonly free = new Map<number, Block[]>();
  /** By buffer, so that a view of a block is recognised wherever it comes from. */
  private readonly blocks = new WeakMap<ArrayBufferLike, Block>();
  private freeBytes = 0;

  /**
   * @param prepare - Called with each new buffer; returns the bytes from its start to the next multiple of 64.
   * @param limitBytes - Free memory kept at most; what comes back beyond that is left to the garbage collector.
   */
  constructor(
    private readonly prepare: (buffer: ArrayBuffer) => number,
    private readonly limitBytes: number,
  ) {}

  take(bytes: number): Block {
    const size = sizeClass(bytes);
    const block = this.free.get(size)?.pop();
    if (!block) return this.create(size);
    this.freeBytes -= size;
    return block;
  }

  give(block: Block): void {
    if (block.shared || this.freeBytes + block.bytes > this.limitBytes) return;
    const list = this.free.get(block.bytes);
    if (list) list.push(block);
    else this.free.set(block.bytes, [block]);
    this.freeBytes += block.bytes;
  }

  /** The block that an array lies in, if it is one of this pool. */
  blockOf(array: ArrayBufferView): Block | undefined {
    return this.blocks.get(array.buffer);
  }

  /** Bytes that are free now. */
  get pooledBytes(): number {
    return this.freeBytes;
  }

  private create(bytes: number): Block {
    const buffer = new ArrayBuffer(bytes + ALIGNMENT);
    const block: Block = { buffer, start: this.prepare(buffer), bytes, shared: false };
    this.blocks.set(buffer, block);
    return block;
  }
}

/** The next of four sizes per power of two, at least 256: at most a fifth of a block is unused, and few sizes are in use. */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const quarter = 2 ** (29 - Math.clz32(Math.ceil(bytes / 4) - 1)) * 4;
  return Math.ceil(bytes / quarter) * quarter;
}
