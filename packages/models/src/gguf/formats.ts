import type { PackedFormat } from "@moekit/core";
import { packedFormats } from "@moekit/core/packed";
import { isGgufType, type GgufTensorType } from "./tensor-types.js";

const FORMATS = new Map<string, PackedFormat>(packedFormats.map((format) => [format.name, format]));

/** Types with a packed format. */
export const readableTypes: readonly string[] = [...FORMATS.keys()].filter((name) => isGgufType(name));

/** The packed format with the layout of a type, if there is one: core calls it as ggml does. */
export const formatOf = (type: GgufTensorType): PackedFormat | undefined => FORMATS.get(type);
