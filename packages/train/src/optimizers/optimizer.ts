import type { Tensor, Variable } from "@tensorflow/tfjs";
import type { ParameterMap } from "@moekit/core";

/** When an update happens. @example const moment: UpdateMoment = { learningRate: 1e-3, step: 1 }; */
export interface UpdateMoment {
  readonly learningRate: number;
  /** Optimiser step, from 1. */
  readonly step: number;
}

/**
 * Changes parameters in the direction of their gradients. All its memory is in `state()`, so that a checkpoint can hold it.
 * @example
 * const optimizer: Optimizer = adamw();
 * optimizer.prepare(trainableParameters(model));
 */
export interface Optimizer {
  readonly id: string;
  /** Makes zero state for these parameters; called once, before the first step. */
  prepare(parameters: ParameterMap): void;
  /** Updates the prepared parameters in place. A parameter without a gradient stays as it is. Disposes no gradient. */
  step(gradients: Readonly<Record<string, Tensor>>, moment: UpdateMoment): void;
  /** Everything to save, by name. */
  state(): Record<string, Variable>;
  dispose(): void;
}
