import type { WeightInit } from "@moekit/core";
import type { ModelConfig } from "../config/model-config.js";

/** How the weights of a model start: truncated normal, cut at 3 standard deviations. Norms start at 1, biases at 0. */
export interface ModelInit {
  readonly seed: number;
  /** Standard deviation of matrices in general, routers included. */
  readonly std: number;
  /** That of the matrices that write to the residual stream: attention outputs and down projections. */
  readonly residualStd: number;
  /** That of the embedding and the head. */
  readonly tableStd: number;
  /** Matrices are packed; they are filled by loading. @defaultValue false */
  readonly packed?: boolean;
  /** Packed experts stay in the file that the model is loaded from. @defaultValue false */
  readonly staysInFile?: boolean;
}

/** How one matrix starts. */
export interface MatrixInit extends WeightInit {
  readonly packed?: boolean;
}

/** A model that is going to be loaded. */
export const ZERO_INIT: ModelInit = { seed: 0, std: 0, residualStd: 0, tableStd: 0 };

/** A model that is going to be loaded with packed weights. */
export const PACKED_INIT: ModelInit = { ...ZERO_INIT, packed: true };

/** A model that is going to be loaded with packed weights but for its experts, which stay in the file. */
export const STORED_INIT: ModelInit = { ...PACKED_INIT, staysInFile: true };

/**
 * The start of a model to train: std 0.02, up to width 128 more (`min(0.02 sqrt(768 / D), 1 / sqrt(D))`) so that
 * activations are not vanishingly small; `1 / sqrt(2 layers)` of it for what writes to the residual stream; 0.02 for
 * embedding and head, so that the first loss is ln V.
 */
export function trainingInit({ hiddenSize, layers }: ModelConfig, seed: number): ModelInit {
  const std = hiddenSize <= 128 ? Math.min(0.02 * Math.sqrt(768 / hiddenSize), 1 / Math.sqrt(hiddenSize)) : 0.02;
  return { seed, std, residualStd: std / Math.sqrt(2 * layers.length), tableStd: 0.02 };
}
