import { NonFiniteError, type ParameterMap } from "@moekit/core";

/** A number of a step and what it is, for the error message. */
export interface NamedNumber {
  readonly name: string;
  readonly value: number;
}

/**
 * Throws unless all numbers of a step are finite. Called before anything is updated, so the parameters are still those of the
 * last good step.
 *
 * A parameter that is itself damaged makes everything after it NaN; then it alone is named.
 */
export async function requireFinite(step: number, numbers: readonly NamedNumber[], parameters: ParameterMap, lastCheckpoint: string | undefined): Promise<void> {
  const bad = numbers.filter(({ value }) => !Number.isFinite(value));
  if (bad.length === 0) return;
  const damaged = await damagedParameters(parameters);
  const named = damaged.length > 0 ? damaged.map((path) => `parameter ${path}`) : bad.map(({ name, value }) => `${name} (${value})`);
  throw new NonFiniteError(`train: step ${step} is not finite: ${shortList(named)}. The parameters are those of step ${step - 1}. ${wayBack(lastCheckpoint)}. Try a lower learning rate or a longer warmup.`);
}

/**
 * Throws unless all parameters are finite. Called before a checkpoint is written: an update can overflow after a step whose
 * losses and gradients were finite, and the newest checkpoint must be one that a run can go on from.
 */
export async function requireFiniteParameters(step: number, parameters: ParameterMap, lastCheckpoint: string | undefined): Promise<void> {
  const damaged = await damagedParameters(parameters);
  if (damaged.length === 0) return;
  throw new NonFiniteError(`train: the update of step ${step} is not finite: ${shortList(damaged.map((path) => `parameter ${path}`))}. Nothing was saved. ${wayBack(lastCheckpoint)}. Try a lower learning rate or a longer warmup.`);
}

const shortList = (names: readonly string[]): string => `${names.slice(0, 8).join(", ")}${names.length > 8 ? `, and ${names.length - 8} more` : ""}`;
const wayBack = (lastCheckpoint: string | undefined): string => (lastCheckpoint ? `The last good checkpoint is ${lastCheckpoint}` : "There is no checkpoint yet");

async function damagedParameters(parameters: ParameterMap): Promise<string[]> {
  const damaged: string[] = [];
  for (const [path, variable] of Object.entries(parameters)) if (!(await variable.data()).every((value) => Number.isFinite(value))) damaged.push(path);
  return damaged;
}
