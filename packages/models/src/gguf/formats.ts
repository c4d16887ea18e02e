import type { PackedFormat } from "@moekit/core";
import { packedFormats } from "@moekit/core/packed";
import type { GgufTensorType } from "./tensor-types.js";

const FORMATS = new Map<string, PackedFormat>(packedFormats.map((format) => [format.name, format]));

/** The packed format with the layout of a type, if there is one: core calls it as ggml does. */
export const formatOf = (type: GgufTensorType): PackedFormat | undefined => FORMATS.get(type);
