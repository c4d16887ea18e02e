import { bf16, f16, q4_0, q8_0, type PackedFormat } from "@moekit/core";
import type { GgufTensorType } from "./tensor-types.js";

const FORMATS = new Map<string, PackedFormat>([bf16, f16, q8_0, q4_0].map((format) => [format.name, format]));

/** The packed format with the layout of a type, if there is one; its name in core is that of ggml. */
export const formatOf = (type: GgufTensorType): PackedFormat | undefined => FORMATS.get(type);
