import type { FloatDtype, GgufExportType } from "@moekit/models";

/** Formats of numbers in safetensors files, as flags name them. */
export const DTYPES: Record<"f32" | "f16" | "bf16", FloatDtype> = { f32: "F32", f16: "F16", bf16: "BF16" };

/** Formats of matrices in low precision, in GGUF files and in memory. */
export const PACKED_FORMATS = ["f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_K", "q3_K", "q4_K", "q5_K", "q6_K", "iq4_nl", "iq4_xs", "mxfp4"] as const satisfies readonly GgufExportType[];

/** The one of that name; case does not matter. */
export const formatByName = <T extends string>(formats: readonly T[], name: string): T | undefined => formats.find((format) => format.toLowerCase() === name.toLowerCase());
