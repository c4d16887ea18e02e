import type { PackedFormat } from "@moekit/core";
import type { OpKernels } from "../kernel.js";
import { formatNumber } from "./packed.js";

/** Packs numbers, on all cores, to the bytes that the format itself gives. */
export const packBlocksKernels: OpKernels = {
  MoekitPackBlocks: ({ native }, _inputs, attrs) => {
    const { values, bytes, format } = attrs as { values: Float32Array; bytes: Uint8Array; format: PackedFormat };
    const fits = new Int32Array(1);
    native.packBlocks!(values, bytes, fits, formatNumber(format));
    // Some value was too large: the format finds it again and throws the error that names it.
    if (fits[0] === 0) format.encode(values, bytes);
    return [];
  },
};
