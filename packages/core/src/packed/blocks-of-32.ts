/** Formats of blocks of 32 numbers with a scale, bit for bit those of ggml; little-endian. */
import { halfAt, setHalf } from "./half-bytes.js";
import type { PackedFormat } from "./packed-matrix.js";

const f32 = Math.fround;
const BLOCK = 32;

/**
 * Blocks of 32: a half d, then 32 int8 q; `x = q d`, with `d = max |x| / 127`.
 * @source ggml, block_q8_0.
 * @example packMatrix(values, [64, 64], q8_0).bytes.length; // 64 * 2 * 34
 */
export const q8_0: PackedFormat = {
  name: "q8_0",
  blockSize: BLOCK,
  blockBytes: 34,
  encode: (values, bytes) => {
    for (let at = 0, to = 0; at < values.length; at += BLOCK, to += 34) {
      const d = f32(Math.abs(extremeOf(values, at)) / 127);
      setHalf(bytes, to, d);
      // The codes come from the unrounded d, half away from zero.
      const inverse = inverseOf(d);
      for (let j = 0; j < BLOCK; j++) {
        const code = f32(values[at + j]! * inverse);
        bytes[to + 2 + j] = Math.sign(code) * Math.floor(Math.abs(code) + 0.5);
      }
    }
  },
  decode: (bytes, values) => {
    for (let at = 0, from = 0; at < values.length; at += BLOCK, from += 34) {
      const d = halfAt(bytes, from);
      for (let j = 0; j < BLOCK; j++) values[at + j] = d * ((bytes[from + 2 + j]! << 24) >> 24);
    }
  },
};

/**
 * Blocks of 32: a half d, then 16 bytes of two codes q from 0 to 15, j in the low and j + 16 in the high half of byte j;
 * `x = (q - 8) d`, with d the value of largest magnitude / -8.
 * @source ggml, block_q4_0.
 * @example packMatrix(values, [64, 64], q4_0).bytes.length; // 64 * 2 * 18
 */
export const q4_0: PackedFormat = nibbles("q4_0", { bits: 4, affine: false });

/**
 * Like {@link q4_0} with a half m after d: `x = q d + m`, with `d = (max - min) / 15` and `m = min`.
 * @source ggml, block_q4_1.
 * @example packMatrix(values, [64, 64], q4_1).bytes.length; // 64 * 2 * 20
 */
export const q4_1: PackedFormat = nibbles("q4_1", { bits: 4, affine: true });

/**
 * Like {@link q4_0} with codes from 0 to 31, whose fifth bits stand in 4 bytes after d; `x = (q - 16) d`.
 * @source ggml, block_q5_0.
 * @example packMatrix(values, [64, 64], q5_0).bytes.length; // 64 * 2 * 22
 */
export const q5_0: PackedFormat = nibbles("q5_0", { bits: 5, affine: false });

/**
 * Like {@link q4_1} with codes from 0 to 31, whose fifth bits stand in 4 bytes after m; `d = (max - min) / 31`.
 * @source ggml, block_q5_1.
 * @example packMatrix(values, [64, 64], q5_1).bytes.length; // 64 * 2 * 24
 */
export const q5_1: PackedFormat = nibbles("q5_1", { bits: 5, affine: true });

function nibbles(name: string, { bits, affine }: { bits: 4 | 5; affine: boolean }): PackedFormat {
  const largest = (1 << bits) - 1;
  const middle = 1 << (bits - 1);
  const high = affine ? 4 : 2;
  const low = bits === 5 ? high + 4 : high;
  const blockBytes = low + BLOCK / 2;

  const encodeBlock = (values: Float32Array, at: number, bytes: Uint8Array, to: number) => {
    const extreme = extremeOf(values, at);
    const [min, max] = affine ? rangeOf(values, at) : [0, 0];
    const d = affine ? f32(f32(max - min) / largest) : f32(extreme / -middle);
    setHalf(bytes, to, d);
    if (affine) setHalf(bytes, to + 2, min);
    const inverse = inverseOf(d);
    const zero = affine ? 0.5 : middle + 0.5;
    const code = (value: number) => Math.min(largest, Math.trunc(f32(f32(f32(value - min) * inverse) + zero)));
    for (let j = 0; j < BLOCK / 2; j++) {
      const [a, b] = [code(values[at + j]!), code(values[at + j + 16]!)];
      bytes[to + low + j] = (a & 15) | (b << 4);
      if (bits === 4) continue;
      bytes[to + high + (j >> 3)]! |= (a >> 4) << (j & 7);
      bytes[to + high + 2 + (j >> 3)]! |= (b >> 4) << (j & 7);
    }
  };

  return {
    name,
    blockSize: BLOCK,
    blockBytes,
    encode: (values, bytes) => {
      bytes.fill(0);
      for (let at = 0, to = 0; at < values.length; at += BLOCK, to += blockBytes) encodeBlock(values, at, bytes, to);
    },
    decode: (bytes, values) => {
      for (let at = 0, from = 0; at < values.length; at += BLOCK, from += blockBytes) {
        const d = halfAt(bytes, from);
        const m = affine ? halfAt(bytes, from + 2) : 0;
        const fifths = bits === 5 ? bytes[from + high]! | (bytes[from + high + 1]! << 8) | (bytes[from + high + 2]! << 16) | (bytes[from + high + 3]! << 24) : 0;
        for (let j = 0; j < BLOCK / 2; j++) {
          const codes = bytes[from + low + j]!;
          const a = (codes & 15) | (((fifths >>> j) & 1) << 4);
          const b = (codes >> 4) | (((fifths >>> (j + 16)) & 1) << 4);
          values[at + j] = affine ? a * d + m : (a - middle) * d;
          values[at + j + 16] = affine ? b * d + m : (b - middle) * d;
        }
      }
    },
  };
}

/** The value of largest magnitude, the first one on ties. */
function extremeOf(values: Float32Array, at: number): number {
  let extreme = 0;
  for (let j = at; j < at + BLOCK; j++) if (Math.abs(values[j]!) > Math.abs(extreme)) extreme = values[j]!;
  return extreme;
}

function rangeOf(values: Float32Array, at: number): [min: number, max: number] {
  let [min, max] = [values[at]!, values[at]!];
  for (let j = at + 1; j < at + BLOCK; j++) {
    if (values[j]! < min) min = values[j]!;
    if (values[j]! > max) max = values[j]!;
  }
  return [min, max];
}

const inverseOf = (d: number): number => (d === 0 ? 0 : f32(1 / d));
