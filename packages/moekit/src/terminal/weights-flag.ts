import type { WeightFormat } from "@moekit/models";
import { UsageError } from "./exit-codes.js";
import { formatByName, PACKED_FORMATS } from "./number-formats.js";

const FORMATS = ["float32", "as-stored", ...PACKED_FORMATS] as const satisfies readonly WeightFormat[];

/** How a model's matrices are kept. */
export const weightsFlag = { weights: { type: "string", default: "float32", valueHint: "format", description: `How matrices are kept: ${FORMATS.join(", ")}` } } as const;

/** The format that the flag names. */
export function weightFormat(text: string): WeightFormat {
  const found = formatByName(FORMATS, text);
  if (!found) throw new UsageError(`--weights must be one of ${FORMATS.join(", ")}; got ${text}`);
  return found;
}
