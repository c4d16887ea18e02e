/** Formats of blocks of 256 numbers with packed scales, bit for bit those of ggml; little-endian. */
import { byBlocks } from "./by-blocks.js";
import { halfAt } from "./half-bytes.js";
import { encodeAffine, encodeSymmetric } from "./k-encode.js";
import type { PackedFormat } from "./packed-matrix.js";

const BLOCK = 256;

/**
 * Blocks of 256: halves d and dmin, 12 bytes of eight 6-bit scales s and offsets o, then 4-bit codes q; number i of part
 * j = floor(i / 32) is `x = d s_j q - dmin o_j`. 4.5 bits a number.
 * @source ggml, block_q4_K.
 * @example packMatrix(values, [64, 256], q4_K).bytes.length; // 64 * 144
 */
export const q4_K: PackedFormat = affineBlocks("q4_K", 4);

/**
 * Like {@link q4_K} with codes from 0 to 31, whose fifth bits stand in 32 bytes before the others. 5.5 bits a number.
 * @source ggml, block_q5_K.
 * @example packMatrix(values, [64, 256], q5_K).bytes.length; // 64 * 176
 */
export const q5_K: PackedFormat = affineBlocks("q5_K", 5);

/**
 * Blocks of 256: the lower four bits of the codes q, their upper two, 16 int8 scales s, a half d; number i of part
 * j = floor(i / 16) is `x = d s_j (q - 32)`. 6.5625 bits a number.
 * @source ggml, block_q6_K.
 * @example packMatrix(values, [64, 256], q6_K).bytes.length; // 64 * 210
 */
export const q6_K: PackedFormat = {
  name: "q6_K",
  blockSize: BLOCK,
  blockBytes: 210,
  encode: byBlocks(BLOCK, 210, encodeSymmetric),
  decode: (bytes, values) => {
    for (let at = 0, from = 0; at < values.length; at += BLOCK, from += 210) {
      const d = halfAt(bytes, from + 208);
      for (let part = 0; part < 16; part++) {
        // Parts of a half of the block share bytes: quarters 0 and 2, 1 and 3 those of the lower bits, all those of the upper.
        const [half, quarter, l] = [part >> 3, (part >> 1) & 3, (part & 1) * 16];
        const low = from + 64 * half + 32 * (quarter & 1) + l;
        const high = from + 128 + 32 * half + l;
        const scale = d * ((bytes[from + 192 + part]! << 24) >> 24);
        for (let i = 0; i < 16; i++) {
          const q = ((bytes[low + i]! >> (4 * (quarter >> 1))) & 15) | (((bytes[high + i]! >> (2 * quarter)) & 3) << 4);
          values[at + 16 * part + i] = scale * (q - 32);
        }
      }
    }
  },
};

function affineBlocks(name: string, bits: 4 | 5): PackedFormat {
  const blockBytes = bits === 4 ? 144 : 176;
  return {
    name,
    blockSize: BLOCK,
    blockBytes,
    encode: byBlocks(BLOCK, blockBytes, (values, bytes) => encodeAffine(values, bytes, bits)),
    decode: (bytes, values) => {
      for (let at = 0, from = 0; at < values.length; at += BLOCK, from += blockBytes) {
        const [d, dmin] = [halfAt(bytes, from), halfAt(bytes, from + 2)];
        for (let j = 0; j < 8; j++) {
          const [s, o] = scaleAt(bytes, from + 4, j);
          const [scale, offset] = [d * s, dmin * o];
          const low = from + blockBytes - 128 + 32 * (j >> 1);
          for (let l = 0; l < 32; l++) {
            const fifth = bits === 5 ? ((bytes[from + 16 + l]! >> j) & 1) << 4 : 0;
            values[at + 32 * j + l] = scale * (((bytes[low + l]! >> (4 * (j & 1))) & 15) | fifth) - offset;
          }
        }
      }
    },
  };
}

/** Scale and offset j of eight, 6 bits each, from 12 bytes. */
export function scaleAt(bytes: Uint8Array, at: number, j: number): [scale: number, offset: number] {
  if (j < 4) return [bytes[at + j]! & 63, bytes[at + j + 4]! & 63];
  const both = bytes[at + j + 4]!;
  return [(both & 15) | ((bytes[at + j - 4]! >> 6) << 4), (both >> 4) | ((bytes[at + j]! >> 6) << 4)];
}
