import type { PackedFormat } from "@moekit/core";

/**
 * A packed matrix that stays in a file.
 * @example reader.storedRows?.("lm_head.weight")?.read([0, 1], bytes);
 */
export interface StoredRows {
  readonly format: PackedFormat;
  /** `[rows, columns]` */
  readonly shape: readonly [rows: number, columns: number];
  /**
   * Fills `target` with the bytes of these rows, at once; also after the reader was closed.
   * @throws CheckpointError if the file is gone or has changed.
   */
  readonly read: (rows: readonly number[], target: Uint8Array) => void;
}
