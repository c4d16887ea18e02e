/** How the rows of a GGUF tensor lie among the rows of a Hugging Face tensor. */
import { CheckpointError } from "@moekit/core";
import type { HuggingFaceConfig } from "../../config/model-config.js";

/**
 * Where the rows of one GGUF matrix are in the Hugging Face matrix. Rows are moved whole, so that packed ones stay packed.
 * For biases a row is one number.
 */
export interface RowOrder {
  /** Rows of the Hugging Face matrix, given those of the GGUF one. */
  readonly total: (rows: number, config: HuggingFaceConfig) => number;
  /** The Hugging Face row of a GGUF row. */
  readonly at: (row: number, rows: number, config: HuggingFaceConfig) => number;
}

export const sameRows: RowOrder = { total: (rows) => rows, at: (row) => row };

/** Part `index` of two that lie one after the other. */
export const half = (index: 0 | 1): RowOrder => ({ total: (rows) => 2 * rows, at: (row, rows) => index * rows + row });

/** Part `index` of two whose rows alternate. */
export const alternate = (index: 0 | 1): RowOrder => ({ total: (rows) => 2 * rows, at: (row) => 2 * row + index });

/**
 * Rotary positions turn dimensions `i` and `i + d/2` of a head together in Hugging Face files, neighbours in GGUF files of
 * the llama kind: GGUF row `2 i + p` of a head is row `i + p d/2`.
 */
export const rotaryNeighbours = (headsKey: "num_attention_heads" | "num_key_value_heads"): RowOrder => {
  const headsOf = (config: HuggingFaceConfig) => Number(config[headsKey] ?? config.num_attention_heads);
  return {
    total(rows, config) {
      if (!(rows % (2 * headsOf(config)) === 0)) throw new CheckpointError(`openGguf: a projection with ${rows} rows cannot be cut into ${headsOf(config)} heads of an even width.`);
      return rows;
    },
    at(row, rows, config) {
      const headDim = rows / headsOf(config);
      const inHead = row % headDim;
      return row - inHead + (inHead % 2) * (headDim / 2) + Math.floor(inHead / 2);
    },
  };
};

type FromConfig = (config: HuggingFaceConfig) => number;

/** The `own` rows of each head that follow `before` others, of `total`, as values follow keys in the up-projection of latent attention. */
export const inHeads = ({ before, own, total }: { before: FromConfig; own: FromConfig; total: FromConfig }): RowOrder => ({
  total(rows, config) {
    if (rows !== own(config)) throw new CheckpointError(`openGguf: an up-projection has ${rows} rows for each head; the settings say ${own(config)}.`);
    return total(config);
  },
  at: (row, _, config) => before(config) + row,
});
