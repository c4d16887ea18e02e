import { DataError } from "@moekit/core";
import type { TrainingReport } from "./training-report.js";

/** @throws DataError if the parts of a report do not fit each other. */
export function checkReport({ steps, routing, saturation = [] }: TrainingReport): void {
  // A report may come from a file, where types promise nothing.
  const first = (steps as TrainingReport["steps"] | undefined)?.[0];
  if (!first) fail("steps must have at least one record; got none. Did the run write its metrics?");
  const shape = shapeOf(first.layers);
  const odd = steps.find((step) => shapeOf(step.layers) !== shape);
  if (odd) fail(`all steps must have the same layers and experts as step ${first.step}, [${shape}]; got [${shapeOf(odd.layers)}] in step ${odd.step}. Are these records of one run?`);
  if (routing && routing.layers.length === 0) fail("routing must have at least one layer; got none.");
  const wrong = routing?.layers.findIndex(({ counts, specialisation }) => counts.length !== routing.numExperts || (specialisation.length > 0 && specialisation.length !== routing.domains.length)) ?? -1;
  if (wrong >= 0) fail(`routing must have ${routing!.numExperts} experts and ${routing!.domains.length} domains in each layer; got others in layer ${wrong}.`);
  const uneven = saturation.find(({ layers }) => layers.length !== first.layers.length);
  if (uneven) fail(`saturation must have one value for each of the ${first.layers.length} MoE layers; got ${uneven.layers.length} at step ${uneven.step}.`);
}

const shapeOf = (layers: readonly { readonly counts: readonly number[] }[]): string => layers.map(({ counts }) => counts.length).join(", ");

function fail(message: string): never {
  throw new DataError(`renderTrainingReport: ${message}`);
}
