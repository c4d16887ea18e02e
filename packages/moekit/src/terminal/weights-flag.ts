import type { WeightFormat } from "@moekit/models";
import { UsageError } from "./exit-codes.js";

const FORMATS = ["float32", "as-stored", "bf16", "f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_K", "q5_K", "q6_K", "mxfp4"] as const satisfies readonly WeightFormat[];

/** How a model's matrices are kept. */
export const weightsFlag = { weights: { type: "string", default: "float32", valueHint: "format", description: `How matrices are kept: ${FORMATS.join(", ")}` } } as const;

/** The format that the flag names. */
export function weightFormat(text: string): WeightFormat {
  const found = FORMATS.find((format) => format.toLowerCase() === text.toLowerCase());
  if (!found) throw new UsageError(`--weights must be one of ${FORMATS.join(", ")}; got ${text}`);
  return found;
}
