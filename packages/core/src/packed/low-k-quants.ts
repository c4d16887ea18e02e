/** Formats of blocks of 256 numbers with two and three bits each, bit for bit those of ggml; little-endian. */
import { byBlocks } from "./by-blocks.js";
import { halfAt } from "./half-bytes.js";
import { encodeThreeBits, encodeTwoBits } from "./low-k-encode.js";
import type { PackedFormat } from "./packed-matrix.js";

const BLOCK = 256;
const PART = 16;

/**
 * Blocks of 256: 16 bytes of a 4-bit scale s and offset o, 2-bit codes q, halves d and dmin; number i of part
 * j = floor(i / 16) is `x = d s_j q - dmin o_j`. 2.625 bits a number.
 * @source ggml, block_q2_K.
 * @example packMatrix(values, [64, 256], q2_K).bytes.length; // 64 * 84
 */
export const q2_K: PackedFormat = {
  name: "q2_K",
  blockSize: BLOCK,
  blockBytes: 84,
  encode: byBlocks(BLOCK, 84, encodeTwoBits),
  decode: (bytes, values) => {
    for (let at = 0, from = 0; at < values.length; at += BLOCK, from += 84) {
      const [d, dmin] = [halfAt(bytes, from + 80), halfAt(bytes, from + 82)];
      for (let part = 0; part < BLOCK / PART; part++) {
        const both = bytes[from + part]!;
        const [scale, offset] = [d * (both & 15), dmin * (both >> 4)];
        for (let i = part * PART; i < (part + 1) * PART; i++) values[at + i] = scale * twoBitsAt(bytes, from + 16, i) - offset;
      }
    }
  },
};

/**
 * Blocks of 256: third bits of the codes q in 32 bytes, the other two in 64, 12 bytes of sixteen 6-bit scales s, a half d;
 * number i of part j = floor(i / 16) is `x = d (s_j - 32) (q - 4)`. 3.4375 bits a number.
 * @source ggml, block_q3_K.
 * @example packMatrix(values, [64, 256], q3_K).bytes.length; // 64 * 110
 */
export const q3_K: PackedFormat = {
  name: "q3_K",
  blockSize: BLOCK,
  blockBytes: 110,
  encode: byBlocks(BLOCK, 110, encodeThreeBits),
  decode: (bytes, values) => {
    for (let at = 0, from = 0; at < values.length; at += BLOCK, from += 110) {
      const d = halfAt(bytes, from + 108);
      for (let part = 0; part < BLOCK / PART; part++) {
        const scale = d * (sixBitScaleAt(bytes, from + 96, part) - 32);
        for (let i = part * PART; i < (part + 1) * PART; i++) {
          const third = (bytes[from + (i & 31)]! >> (i >> 5)) & 1;
          values[at + i] = scale * ((twoBitsAt(bytes, from + 32, i) | (third << 2)) - 4);
        }
      }
    }
  },
};

/** Code i of 256: the four quarters of each half share bytes. */
const twoBitsAt = (bytes: Uint8Array, at: number, i: number): number => (bytes[at + 32 * (i >> 7) + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3;

/** Scale j of sixteen: lower four bits in eight bytes, upper two in the four after them. */
const sixBitScaleAt = (bytes: Uint8Array, at: number, j: number): number => ((bytes[at + (j & 7)]! >> (4 * (j >> 3))) & 15) | (((bytes[at + 8 + (j & 3)]! >> (2 * (j >> 2))) & 3) << 4);
