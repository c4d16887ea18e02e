import * as tf from "@tensorflow/tfjs";
import type { Variable } from "@tensorflow/tfjs";
import { ConfigError, type LoadController } from "@moekit/core";

/** Facts of a checkpoint that are not tensors (`trainer.json`). */
export interface TrainerState {
  readonly format: 1;
  /** Optimiser steps done. */
  readonly step: number;
  /** Seed of the run; noise is a pure function of (seed, step, micro-step). */
  readonly seed: number;
  /** `id` of the optimiser that owns the state. */
  readonly optimizer: string;
  /** State of the batch source, as JSON. */
  readonly data: object;
}

/** Everything a run needs to go on as if it had never stopped. */
export interface Snapshot {
  readonly trainer: TrainerState;
  readonly model: Readonly<Record<string, Variable>>;
  readonly optimizer: Readonly<Record<string, Variable>>;
  readonly controllers: Readonly<Record<string, Variable>>;
}

/** File of each group of tensors. */
export const TENSOR_FILES = { model: "model.safetensors", optimizer: "optimizer.safetensors", controllers: "controllers.safetensors" } as const;
export const TRAINER_FILE = "trainer.json";

/** The state of all controllers under distinct names, e.g. `0.loss-free-bias.bias`. @throws ConfigError if it could not be restored. */
export function controllerVariables(controllers: readonly LoadController[]): Record<string, Variable> {
  const found: Record<string, Variable> = {};
  controllers.forEach((controller, i) => {
    for (const [name, tensor] of Object.entries(controller.state())) {
      if (!(tensor instanceof tf.Variable)) throw new ConfigError(`Trainer: state "${name}" of the controller "${controller.id}" must be a tf.Variable, or a checkpoint could not restore it.`);
      found[`${i}.${controller.id}.${name}`] = tensor;
    }
  });
  return found;
}
