/** Formats of packed matrices. Bit for bit those of safetensors (bf16, f16) and GGUF (f16, q8_0, q4_0); little-endian. */
import { ConfigError } from "../errors.js";
import { fromF16, toBf16, toF16 } from "./half.js";
import type { PackedFormat } from "./packed-matrix.js";

/** bfloat16: the upper half of a float32, rounded to nearest even. @example packMatrix(values, [64, 64], bf16); */
export const bf16: PackedFormat = {
  name: "bf16",
  blockSize: 1,
  blockBytes: 2,
  encode: (from, at, block) => block.setUint16(0, toBf16(bitsOf(from[at]!)), true),
  decode: (block, to, at) => void (to[at] = floatOf(block.getUint16(0, true) << 16)),
};

/** IEEE half precision, rounded to nearest even. @example packMatrix(values, [64, 64], f16); */
export const f16: PackedFormat = {
  name: "f16",
  blockSize: 1,
  blockBytes: 2,
  encode: (from, at, block) => setHalf(block, from[at]!),
  decode: (block, to, at) => void (to[at] = getHalf(block)),
};

/**
 * Blocks of 32: a half d, then 32 int8 q; `x = q d`, with `d = max |x| / 127`.
 * @source ggml, block_q8_0.
 * @example packMatrix(values, [64, 64], q8_0).bytes.length; // 64 * 2 * 34
 */
export const q8_0: PackedFormat = {
  name: "q8_0",
  blockSize: 32,
  blockBytes: 34,
  encode: (from, at, block) => {
    const x = from.subarray(at, at + 32);
    const d = Math.fround(x.reduce((max, value) => Math.max(max, Math.abs(value)), 0) / 127);
    setHalf(block, d);
    // The codes come from the unrounded d, half away from zero.
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    x.forEach((value, j) => block.setInt8(2 + j, Math.sign(value) * Math.floor(Math.abs(Math.fround(value * inverse)) + 0.5)));
  },
  decode: (block, to, at) => {
    const d = getHalf(block);
    for (let j = 0; j < 32; j++) to[at + j] = d * block.getInt8(2 + j);
  },
};

/**
 * Blocks of 32: a half d, then 16 bytes of two codes q from 0 to 15, j in the low and j + 16 in the high half of byte j;
 * `x = (q - 8) d`, with d the value of largest magnitude / -8.
 * @source ggml, block_q4_0.
 * @example packMatrix(values, [64, 64], q4_0).bytes.length; // 64 * 2 * 18
 */
export const q4_0: PackedFormat = {
  name: "q4_0",
  blockSize: 32,
  blockBytes: 18,
  encode: (from, at, block) => {
    const x = from.subarray(at, at + 32);
    const d = Math.fround(x.reduce((extreme, value) => (Math.abs(value) > Math.abs(extreme) ? value : extreme), 0) / -8);
    setHalf(block, d);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    const code = (value: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(value * inverse) + 8.5)));
    for (let j = 0; j < 16; j++) block.setUint8(2 + j, code(x[j]!) | (code(x[j + 16]!) << 4));
  },
  decode: (block, to, at) => {
    const d = getHalf(block);
    for (let j = 0; j < 16; j++) {
      const codes = block.getUint8(2 + j);
      to[at + j] = d * ((codes & 15) - 8);
      to[at + j + 16] = d * ((codes >> 4) - 8);
    }
  },
};

const scratch = new DataView(new ArrayBuffer(4));

function bitsOf(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

function floatOf(bits: number): number {
  scratch.setInt32(0, bits);
  return scratch.getFloat32(0);
}

const getHalf = (block: DataView): number => floatOf(fromF16(block.getUint16(0, true)));

function setHalf(block: DataView, value: number): void {
  const half = toF16(bitsOf(value));
  if ((half & 0x7fff) === 0x7c00) throw new ConfigError(`packMatrix: ${value} does not fit a half (65504 at most). Pack as bf16.`);
  block.setUint16(0, half, true);
}
