/** Formats of one number a block. Bit for bit those of safetensors; bf16 and f16 are those of GGUF as well. */
import { setHalf } from "./half-bytes.js";
import { toBf16 } from "./half.js";
import type { PackedFormat } from "./packed-matrix.js";

/** bfloat16: the upper half of a float32, rounded to nearest even. @example packMatrix(values, [64, 64], bf16); */
export const bf16: PackedFormat = {
  name: "bf16",
  blockSize: 1,
  blockBytes: 2,
  encode: (values, bytes) => {
    const bits = bitsOf(values);
    for (let i = 0; i < bits.length; i++) {
      const upper = toBf16(bits[i]!);
      bytes[2 * i] = upper;
      bytes[2 * i + 1] = upper >>> 8;
    }
  },
  decode: (bytes, values) => {
    const bits = bitsOf(values);
    for (let i = 0; i < bits.length; i++) bits[i] = (bytes[2 * i]! << 16) | (bytes[2 * i + 1]! << 24);
  },
};

/** IEEE half precision, rounded to nearest even. @example packMatrix(values, [64, 64], f16); */
export const f16: PackedFormat = {
  name: "f16",
  blockSize: 1,
  blockBytes: 2,
  encode: (values, bytes) => {
    for (let i = 0; i < values.length; i++) setHalf(bytes, 2 * i, values[i]!);
  },
  decode: (bytes, values) => {
    const bits = bitsOf(values);
    for (let i = 0; i < bits.length; i++) {
      const half = bytes[2 * i]! | (bytes[2 * i + 1]! << 8);
      bits[i] = ((half & 0x7fff) << 13) | ((half & 0x8000) << 16);
      // With its exponent and mantissa in place a number lacks only the difference of the two biases.
      if ((half & 0x7c00) === 0x7c00) bits[i]! |= 0x7f800000;
      else values[i]! *= 2 ** 112;
    }
  },
};

/** Largest value of f8_e4m3. */
const F8_MAX = 448;

/**
 * Eight bits: sign, 4 of exponent (bias 7), 3 of mantissa; no infinities, NaN is all ones. Rounded to nearest even; values
 * beyond 448 become 448, as when a checkpoint is clamped before it is cast to `torch.float8_e4m3fn`.
 * @source https://arxiv.org/abs/2209.05433
 * @example packMatrix(values, [64, 64], f8_e4m3);
 */
export const f8_e4m3: PackedFormat = {
  name: "f8_e4m3",
  blockSize: 1,
  blockBytes: 1,
  encode: (values, bytes) => {
    for (let i = 0; i < values.length; i++) bytes[i] = toF8(values[i]!);
  },
  decode: (bytes, values) => {
    const all = Float32Array.from({ length: 256 }, (_, code) => fromF8(code));
    for (let i = 0; i < values.length; i++) values[i] = all[bytes[i]!]!;
  },
};

function fromF8(code: number): number {
  const [exponent, mantissa] = [(code >> 3) & 15, code & 7];
  if ((code & 127) === 127) return NaN;
  const magnitude = exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10);
  return code & 128 ? -magnitude : magnitude;
}

function toF8(value: number): number {
  const sign = Object.is(Math.sign(value), -0) || value < 0 ? 128 : 0;
  const magnitude = Math.min(Math.abs(value), F8_MAX);
  // Numbers from 2^e on are 2^(e - 3) apart, the smallest ones 2^-9; a code counts these steps.
  const exponent = Math.max(-6, Math.floor(Math.log2(magnitude)));
  return sign | (roundEven(magnitude / 2 ** (exponent - 3)) + 8 * (exponent + 6));
}

function roundEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);
