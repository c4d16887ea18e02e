export { latestCheckpoint, listCheckpoints } from "./checkpoint/folders.js";
export * from "./evaluate.js";
export type { LayerLoad } from "./load.js";
export * from "./metrics.js";
export * from "./optimizers/index.js";
export * from "./schedules/index.js";
export { Trainer, type TrainResult } from "./trainer.js";
export type { CheckpointEvent, CheckpointOptions, MicroStepEvent, TrainerHooks, TrainerOptions } from "./trainer-options.js";
