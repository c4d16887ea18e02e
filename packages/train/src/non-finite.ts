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
  const shown = `${named.slice(0, 8).join(", ")}${named.length > 8 ? `, and ${named.length - 8} more` : ""}`;
  const back = lastCheckpoint ? `The last good checkpoint is ${lastCheckpoint}` : "There is no checkpoint yet";
  throw new NonFiniteError(`train: step ${step} is not finite: ${shown}. The parameters are those of step ${step - 1}. ${back}. Try a lower learning rate or a longer warmup.`);
}

async function damagedParameters(parameters: ParameterMap): Promise<string[]> {
  const damaged: string[] = [];
  for (const [path, variable] of Object.entries(parameters)) if (!(await variable.data()).every((value) => Number.isFinite(value))) damaged.push(path);
  return damaged;
}
