/**
 * How ggml packs blocks of 256 with two and three bits a number, in float32 and in its order of operations, so that bytes
 * are the same: `quantize_row_q2_K_ref`, and `quantize_row_q3_K_ref` with `make_q3_quants`.
 */
import { setHalf } from "./half-bytes.js";
import { codeOf, extremeOf, fitAffine, nearest, parts, TINY } from "./k-encode.js";

const f32 = Math.fround;
const PARTS = parts(16);
const partOf = <A extends Float32Array | Uint8Array | Int8Array>(all: A, part: number): A => all.subarray(16 * part, 16 * part + 16) as A;

/** Packs 256 values into a block of q2_K. */
export function encodeTwoBits(values: Float32Array, block: Uint8Array): void {
  const codes = new Uint8Array(256);
  const fits = PARTS.map((part) => fitAffine(partOf(values, part), partOf(codes, part), 2));
  const maxScale = Math.max(0, ...fits.map(({ scale }) => scale));
  const maxOffset = Math.max(0, ...fits.map(({ offset }) => offset));
  const fourBits = (value: number, max: number) => (max > 0 ? nearest(f32(f32(15 / max) * value)) : 0);
  const d = setHalf(block, 80, f32(maxScale / 15));
  const dmin = setHalf(block, 82, f32(maxOffset / 15));
  for (const [part, { scale, offset }] of fits.entries()) {
    const both = (block[part] = fourBits(scale, maxScale) | (fourBits(offset, maxOffset) << 4));
    // Once more with the scales as they are stored; a part whose scale became 0 keeps the codes of the search.
    const stored = f32(d * (both & 15));
    if (stored === 0) continue;
    const minus = f32(dmin * ((both >> 4) & 15));
    for (let i = 16 * part; i < 16 * part + 16; i++) codes[i] = codeOf(f32(f32(values[i]! + minus) / stored), 3);
  }
  packTwoBits(codes, block.subarray(16, 80));
}

/** Packs 256 values into a block of q3_K. */
export function encodeThreeBits(values: Float32Array, block: Uint8Array): void {
  const codes = new Uint8Array(256);
  const scales = Float32Array.from(PARTS, (part) => fitThreeBits(partOf(values, part), partOf(codes, part)));
  const extreme = extremeOf(scales);
  const inverse = extreme === 0 ? 0 : f32(-32 / extreme);
  block.fill(0);
  const d = extreme === 0 ? 0 : setHalf(block, 108, f32(1 / inverse));
  for (let part = 0; part < 16 && extreme !== 0; part++) {
    const code = clamp(nearest(f32(inverse * scales[part]!)), 32);
    block[96 + (part & 7)]! |= ((code + 32) & 15) << (4 * (part >> 3));
    block[104 + (part & 3)]! |= ((code + 32) >> 4) << (2 * (part >> 2));
    const stored = f32(d * code);
    for (let i = 16 * part; i < 16 * part + 16 && stored !== 0; i++) codes[i] = clamp(nearestByBits(f32(values[i]! / stored)), 4) + 4;
  }
  for (let i = 0; i < 256; i++) block[i & 31]! |= (codes[i]! >> 2) << (i >> 5);
  packTwoBits(codes, block.subarray(32, 96));
}

/** The lower two bits of 256 codes; the four quarters of each half share bytes. */
function packTwoBits(codes: Uint8Array, to: Uint8Array): void {
  for (let i = 0; i < 64; i++) {
    const at = 128 * (i >> 5) + (i & 31);
    to[i] = (codes[at]! & 3) | ((codes[at + 32]! & 3) << 2) | ((codes[at + 64]! & 3) << 4) | ((codes[at + 96]! & 3) << 6);
  }
}

/** Scale (`x = scale (q - 4)`) of least squared error weighted by x^2, and the codes: one is changed at a time while that helps. */
function fitThreeBits(x: Float32Array, codes: Uint8Array): number {
  const extreme = extremeOf(x);
  if (Math.abs(extreme) < TINY) return 0;
  const inverse = f32(-4 / extreme);
  const q = Int8Array.from(x, (value) => clamp(nearest(f32(inverse * value)), 4));
  let [sumLX, sumL2] = [0, 0];
  const plus = (sum: number, i: number, code: number, factor: number) => f32(sum + f32(f32(f32(x[i]! * x[i]!) * factor) * code));
  for (let i = 0; i < 16; i++) {
    sumLX = plus(sumLX, i, q[i]!, x[i]!);
    sumL2 = plus(sumL2, i, q[i]!, q[i]!);
  }
  for (let round = 0, changed = true; round < 5 && changed; round++) {
    changed = false;
    for (let i = 0; i < 16; i++) {
      const [restLX, restL2] = [plus(sumLX, i, -q[i]!, x[i]!), plus(sumL2, i, -q[i]!, q[i]!)];
      const code = restLX > 0 ? clamp(nearestByBits(f32(f32(x[i]! * restL2) / restLX)), 4) : q[i]!;
      if (code === q[i]) continue;
      const [newLX, newL2] = [plus(restLX, i, code, x[i]!), plus(restL2, i, code, code)];
      if (!(newL2 > 0 && f32(f32(newLX * newLX) * sumL2) > f32(f32(sumLX * sumLX) * newL2))) continue;
      [q[i], sumLX, sumL2, changed] = [code, newLX, newL2, true];
    }
  }
  codes.set(q.map((code) => code + 4));
  return sumL2 > 0 ? f32(sumLX / sumL2) : 0;
}

/** To `[-most, most - 1]`. */
const clamp = (code: number, most: number): number => Math.max(-most, Math.min(most - 1, code));

const scratch = new Float32Array(1);
const scratchBits = new Int32Array(scratch.buffer);

/** {@link nearest} as ggml has it for any number: beyond 2^22 it gives something else, which decides the bytes all the same. */
function nearestByBits(x: number): number {
  scratch[0] = x + 12582912;
  return (scratchBits[0]! & 0x7fffff) - 0x400000;
}
