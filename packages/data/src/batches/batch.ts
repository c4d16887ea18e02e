/**
 * Rows of tokens to train or evaluate on.
 * @example const batch: Batch = { inputIds: Int32Array.of(1, 2), targetIds: Int32Array.of(2, 3), domainIds: Int32Array.of(0), batchSize: 1, sequenceLength: 2 };
 */
export interface Batch {
  /** `[B * S]`, row by row. */
  readonly inputIds: Int32Array;
  /** `[B * S]`: the token that follows each input; -1 = ignored. */
  readonly targetIds: Int32Array;
  /** `[B]`: the domain of each row, as an index into the source's domains. */
  readonly domainIds: Int32Array;
  /** B. */
  readonly batchSize: number;
  /** S. */
  readonly sequenceLength: number;
}

/**
 * An endless source of training batches whose position can be saved.
 *
 * After `restore(state)` the batches that followed `state()` follow again, bit for bit.
 *
 * @example
 * const position = source.state();
 * const batch = source.next();
 * source.restore(position); // the next batch is `batch` again
 */
export interface BatchSource {
  /** The next batch; there is always one. */
  next(): Batch;
  /** The position, as plain data for JSON. */
  state(): object;
  /**
   * Goes to a position.
   * @throws DataError if the state is of another source.
   */
  restore(state: object): void;
}
