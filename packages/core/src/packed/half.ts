/** Conversions between the bits of float32 (as uint32) and of the 16-bit formats; to 16 bits they round to nearest even. */

/** Bits of the bfloat16 nearest to a float32, whose upper half it is. NaN stays NaN. @example toBf16(0x3f800000); // 0x3f80, one */
export function toBf16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Bits of the IEEE half nearest to a float32; magnitudes from 65520 on become infinite. @example toF16(0x3f800000); // 0x3c00, one */
export function toF16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) return sign | subnormalF16(magnitude);
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}

/** Bits of the float32 that equals a half. @example fromF16(0x3c00); // 0x3f800000, one */
export function fromF16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  return sign | bitsOf(mantissa * 2 ** -24);
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

function bitsOf(value: number): number {
  scratch[0] = value;
  return scratchBits[0]!;
}

/** Below 2^-14 a half counts in steps of 2^-24. */
function subnormalF16(magnitude: number): number {
  scratchBits[0] = magnitude;
  const steps = scratch[0]! * 2 ** 24;
  const below = Math.floor(steps);
  const rest = steps - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
