/** The 4-bit floating point format of the Open Compute Project, in the block layout of ggml. */
import type { PackedFormat } from "./packed-matrix.js";

/** Twice the values of the codes, which makes them whole. */
const TWICE = Float32Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
const BLOCK = 32;
const BYTES = 17;

/**
 * Blocks of 32: a byte e, then 16 bytes of two codes, j in the low and j + 16 in the high half of byte j; `x = 2^(e - 127) V`,
 * with V of the code 0, 0.5, 1, 1.5, 2, 3, 4, 6 and the same negative. The largest magnitude gets the exponent of 4 or 6.
 * @source ggml, block_mxfp4; https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf
 * @example packMatrix(values, [64, 64], mxfp4).bytes.length; // 64 * 2 * 17
 */
export const mxfp4: PackedFormat = {
  name: "mxfp4",
  blockSize: BLOCK,
  blockBytes: BYTES,
  encode: (values, bytes) => {
    for (let at = 0, to = 0; at < values.length; at += BLOCK, to += BYTES) {
      const e = exponentOf(values, at);
      const scale = halfScale(e);
      bytes[to] = e;
      for (let j = 0; j < 16; j++) bytes[to + 1 + j] = nearest(values[at + j]!, scale) | (nearest(values[at + j + 16]!, scale) << 4);
    }
  },
  decode: (bytes, values) => {
    const scales = Float32Array.from({ length: 256 }, (_, e) => halfScale(e));
    for (let at = 0, from = 0; at < values.length; at += BLOCK, from += BYTES) {
      const scale = scales[bytes[from]!]!;
      for (let j = 0; j < 16; j++) {
        const codes = bytes[from + 1 + j]!;
        values[at + j] = scale * TWICE[codes & 15]!;
        values[at + j + 16] = scale * TWICE[codes >> 4]!;
      }
    }
  },
};

/** Half of `2^(e - 127)`, for {@link TWICE}. */
const halfScale = (e: number): number => 2 ** (e - 128);

function exponentOf(values: Float32Array, at: number): number {
  let max = 0;
  for (let j = at; j < at + BLOCK; j++) max = Math.max(max, Math.abs(values[j]!));
  // The logarithm in float32, as in ggml: just below a power of two it may reach it.
  return max > 0 ? Math.max(0, Math.floor(Math.fround(Math.log2(max))) - 2 + 127) : 0;
}

/** The code nearest to a value, the lowest one on ties. */
function nearest(value: number, scale: number): number {
  let [best, bestError] = [0, Infinity];
  for (let code = 0; code < 16; code++) {
    const error = Math.abs(Math.fround(TWICE[code]! * scale - value));
    if (error < bestError) [best, bestError] = [code, error];
  }
  return best;
}
