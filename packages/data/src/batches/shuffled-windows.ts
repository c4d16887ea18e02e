import { DataError, randomUniform } from "@moekit/core";
import type { TokenStream } from "../corpus/tokenize-corpus.js";
import { permutation } from "./permutation.js";

/**
 * Where a reader of one domain stands.
 * @example const position: WindowPosition = { epoch: 1, read: 40 };
 */
export interface WindowPosition {
  /** From 0. */
  readonly epoch: number;
  /** Windows already read in this epoch. */
  readonly read: number;
}

/**
 * The windows of one domain, in a new order every epoch.
 *
 * An epoch covers the stream once with windows that do not overlap; the first one starts at a random offset below the
 * length of a window, so that windows are cut elsewhere in each epoch. Order and offset depend on (seed, domain, epoch) only.
 */
export class ShuffledWindows {
  readonly numWindows: number;
  private epoch = 0;
  private read = 0;
  private starts: Int32Array;

  constructor(
    private readonly stream: TokenStream,
    private readonly length: number,
    private readonly seed: number,
  ) {
    const { name, tokens } = stream;
    // One token more than the inputs, for the last target; and room for the offset.
    this.numWindows = Math.floor((tokens.length - length) / length);
    if (this.numWindows < 1) throw new DataError(`MixtureBatches: domain "${name}" has ${tokens.length} tokens; sequences of ${length} need at least ${2 * length}.`);
    this.starts = this.startsOf(0);
  }

  get position(): WindowPosition {
    return { epoch: this.epoch, read: this.read };
  }

  seek({ epoch, read }: WindowPosition): void {
    [this.epoch, this.read] = [epoch, read];
    this.starts = this.startsOf(epoch);
  }

  /** The start of the next window in the stream. */
  next(): number {
    if (this.read === this.numWindows) this.seek({ epoch: this.epoch + 1, read: 0 });
    return this.starts[this.read++]!;
  }

  private startsOf(epoch: number): Int32Array {
    const stream = `${this.stream.name}.epoch.${epoch}`;
    const offset = Math.floor(randomUniform(1, { seed: this.seed, stream: `${stream}.offset` })[0]! * this.length);
    return permutation(this.numWindows, this.seed, stream).map((window) => offset + window * this.length);
  }
}
