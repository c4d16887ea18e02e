import type { LoadOptions, WeightFormat } from "@moekit/models";
import { UsageError } from "./exit-codes.js";
import { numberFlag } from "./flags.js";
import { formatByName, PACKED_FORMATS } from "./number-formats.js";

const FORMATS = ["float32", "as-stored", ...PACKED_FORMATS] as const satisfies readonly WeightFormat[];

/** How a model's matrices are kept. */
export const weightsFlags = {
  weights: { type: "string", default: "float32", valueHint: "format", description: `How matrices are kept: ${FORMATS.join(", ")}` },
  "expert-cache": { type: "string", valueHint: "GB", description: "Leave packed experts in their file and keep at most so many GB of them in memory" },
} as const;

/** How to load a model as the flags say. */
export function loadOptions({ weights, "expert-cache": cache }: { readonly weights: string; readonly "expert-cache"?: string }): LoadOptions {
  const gigabytes = numberFlag("expert-cache", cache, { above: 0 });
  const format = weightFormat(weights);
  if (gigabytes !== undefined && format === "float32") throw new UsageError("--expert-cache keeps packed experts: pass --weights as-stored too");
  return { weights: format, expertCacheBytes: gigabytes && gigabytes * 1e9 };
}

function weightFormat(text: string): WeightFormat {
  const found = formatByName(FORMATS, text);
  if (!found) throw new UsageError(`--weights must be one of ${FORMATS.join(", ")}; got ${text}`);
  return found;
}
