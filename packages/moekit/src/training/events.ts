import type { BackendChoice } from "@moekit/backend";
import type { NgramLoss } from "@moekit/data";
import type { ModelSize } from "@moekit/models";
import type { CheckpointEvent, Evaluation, StepMetrics } from "@moekit/train";

/**
 * What happens during {@link trainingRun}, in this order: `backend`, `data`, `baseline` for each order, `plan`, then `step`,
 * `eval` and `checkpoint` as they come, `trained` when the steps end for whatever reason, and `report`.
 * @example const onEvent = (event: TrainingEvent) => event.kind === "step" && console.log(event.step, event.loss);
 */
export type TrainingEvent =
  | { readonly kind: "backend"; readonly backend: BackendChoice }
  | { readonly kind: "data"; readonly domains: readonly DomainTokens[]; readonly vocabSize: number }
  | BaselineResult
  | TrainingPlan
  | StepMetrics
  | Evaluation
  | ({ readonly kind: "checkpoint" } & CheckpointEvent)
  | { readonly kind: "trained"; readonly step: number }
  | { readonly kind: "report"; readonly path: string };

/**
 * How much text a domain has.
 * @example const { domain, trainTokens }: DomainTokens = event.domains[0]!;
 */
export interface DomainTokens {
  readonly domain: string;
  readonly trainTokens: number;
  readonly heldOutTokens: number;
  /** Bytes of the held-out text that is measured. */
  readonly heldOutBytes: number;
}

/**
 * Held-out losses of a Kneser-Ney model of the training tokens.
 * @example const { name, bitsPerByte }: BaselineResult = event; // "5-gram"
 */
export interface BaselineResult {
  readonly kind: "baseline";
  /** `<order>-gram` */
  readonly name: string;
  /** One per domain. */
  readonly losses: readonly NgramLoss[];
  /** All domains together, each byte counting once. */
  readonly bitsPerByte: number;
}

/**
 * What the training loop is going to do.
 * @example const { steps, tokensPerStep }: TrainingPlan = event;
 */
export interface TrainingPlan {
  readonly kind: "plan";
  /** Optimiser steps of the whole run. */
  readonly steps: number;
  /** The step of the checkpoint it goes on from; 0 for a new run. */
  readonly from: number;
  readonly tokensPerStep: number;
  /** Measured where the config gives minutes. */
  readonly secondsPerStep?: number;
  readonly size: ModelSize;
}
