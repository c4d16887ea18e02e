/**
 * The searches by which ggml packs blocks of 256, in float32 and in its order of operations, so that bytes are the same:
 * `quantize_row_q4_K_ref`, `quantize_row_q5_K_ref` with `make_qkx2_quants`, `quantize_row_q6_K_ref` with `make_qx_quants`.
 */
import { setHalf } from "./half-bytes.js";

const f32 = Math.fround;

/** To the nearest integer, ties to even, as adding 1.5 * 2^23 in float32 does. */
export const nearest = (x: number): number => f32(x + 12582912) - 12582912;
export const codeOf = (x: number, most: number): number => Math.max(0, Math.min(most, nearest(x)));

/** How the search of scale and offset goes: codes up to `most`, and `steps + 1` tries from `first` on. */
const SEARCHES = { 2: { most: 3, first: -0.5, steps: 15 }, 4: { most: 15, first: -1, steps: 20 }, 5: { most: 31, first: -0.5, steps: 15 } } as const;
const STEP = f32(0.1);

/** Packs 256 values into a block of q4_K (`bits` 4) or q5_K. */
export function encodeAffine(values: Float32Array, block: Uint8Array, bits: 4 | 5): void {
  const codes = new Uint8Array(256);
  const fits = parts(8).map((j) => fitAffine(values.subarray(32 * j, 32 * j + 32), codes.subarray(32 * j, 32 * j + 32), bits));
  const maxScale = Math.max(0, ...fits.map(({ scale }) => scale));
  const maxOffset = Math.max(0, ...fits.map(({ offset }) => offset));
  const sixBits = (max: number) => (value: number) => Math.min(63, nearest(f32((max > 0 ? f32(63 / max) : 0) * value)));
  const scales = fits.map(({ scale }) => sixBits(maxScale)(scale));
  const offsets = fits.map(({ offset }) => sixBits(maxOffset)(offset));
  const d = setHalf(block, 0, f32(maxScale / 63));
  const dmin = setHalf(block, 2, f32(maxOffset / 63));
  // Once more with the scales as they are stored; a part whose scale became 0 keeps the codes of the search.
  for (let i = 0; i < 256; i++) {
    const scale = f32(d * scales[i >> 5]!);
    if (scale !== 0) codes[i] = codeOf(f32(f32(values[i]! + f32(dmin * offsets[i >> 5]!)) / scale), SEARCHES[bits].most);
  }
  packScales(scales, offsets, block);
  packCodes(codes, block, bits);
}

function packScales(scales: number[], offsets: number[], block: Uint8Array): void {
  for (let j = 0; j < 4; j++) {
    block[4 + j] = scales[j]! | ((scales[j + 4]! >> 4) << 6);
    block[8 + j] = offsets[j]! | ((offsets[j + 4]! >> 4) << 6);
    block[12 + j] = (scales[j + 4]! & 15) | ((offsets[j + 4]! & 15) << 4);
  }
}

function packCodes(codes: Uint8Array, block: Uint8Array, bits: 4 | 5): void {
  const low = block.length - 128;
  for (let i = 0; i < 128; i++) {
    const at = 64 * (i >> 5) + (i & 31);
    block[low + i] = (codes[at]! & 15) | ((codes[at + 32]! & 15) << 4);
  }
  for (let l = 0; l < 32 && bits === 5; l++) block[16 + l] = parts(8).reduce((byte, j) => byte | ((codes[32 * j + l]! >> 4) << j), 0);
}

/** Scale and offset (`x = scale q - offset`) of least error, weighted by magnitude, and the codes. The error is squared, but not that of 2 bits. */
export function fitAffine(x: Float32Array, codes: Uint8Array, bits: 2 | 4 | 5): { scale: number; offset: number } {
  const { most, first, steps } = SEARCHES[bits];
  const weights = bits === 2 ? x.map(Math.abs) : weightsOf(x);
  const tried = new Uint8Array(x.length);
  let min = Math.min(0, ...x);
  const max = Math.max(...x);
  if (max === min) return { scale: 0, offset: -min };
  const start = f32(most / f32(max - min));
  let scale = f32(1 / start);
  quantize(x, start, min, most, codes);
  let least = errorOf(x, weights, codes, scale, min, bits);
  for (let step = 0; step <= steps; step++) {
    quantize(x, f32(f32(f32(first + f32(STEP * step)) + most) / f32(max - min)), min, most, tried);
    const fit = solve(x, weights, tried);
    const error = fit && errorOf(x, weights, tried, fit.scale, fit.min, bits);
    if (!fit || !(error! < least)) continue;
    codes.set(tried);
    least = error!;
    ({ scale, min } = fit);
  }
  return { scale, offset: -min };
}

function weightsOf(x: Float32Array): Float32Array {
  let squares = 0;
  for (const value of x) squares = f32(squares + f32(value * value));
  const average = f32(Math.sqrt(f32(squares / x.length)));
  return x.map((value) => average + Math.abs(value));
}

function quantize(x: Float32Array, inverse: number, min: number, most: number, to: Uint8Array): void {
  for (let i = 0; i < x.length; i++) to[i] = codeOf(f32(inverse * f32(x[i]! - min)), most);
}

function errorOf(x: Float32Array, weights: Float32Array, codes: Uint8Array, scale: number, min: number, bits: 2 | 4 | 5): number {
  let error = 0;
  for (let i = 0; i < x.length; i++) {
    const difference = f32(f32(f32(scale * codes[i]!) + min) - x[i]!);
    error = f32(error + f32(weights[i]! * (bits === 2 ? Math.abs(difference) : f32(difference * difference))));
  }
  return error;
}

/** The weighted least squares line through (code, value), through the origin where its offset would be positive. */
function solve(x: Float32Array, weights: Float32Array, codes: Uint8Array): { scale: number; min: number } | undefined {
  let [sumW, sumX, sumL, sumL2, sumXL] = [0, 0, 0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    sumW = f32(sumW + weights[i]!);
    sumX = f32(sumX + f32(weights[i]! * x[i]!));
    const wl = f32(weights[i]! * codes[i]!);
    sumL = f32(sumL + wl);
    sumL2 = f32(sumL2 + f32(wl * codes[i]!));
    sumXL = f32(sumXL + f32(wl * x[i]!));
  }
  const determinant = f32(f32(sumW * sumL2) - f32(sumL * sumL));
  if (!(determinant > 0)) return undefined;
  const min = f32(f32(f32(sumL2 * sumX) - f32(sumL * sumXL)) / determinant);
  if (min > 0) return { scale: f32(sumXL / sumL2), min: 0 };
  return { scale: f32(f32(f32(sumW * sumXL) - f32(sumX * sumL)) / determinant), min };
}

/** Packs 256 values into a block of q6_K. */
export function encodeSymmetric(values: Float32Array, block: Uint8Array): void {
  const codes = new Int8Array(256).fill(-32);
  const scales = Float32Array.from(parts(16), (part) => fitSymmetric(values.subarray(16 * part, 16 * part + 16), codes.subarray(16 * part, 16 * part + 16)));
  const extreme = extremeOf(scales);
  block.fill(0);
  if (Math.abs(extreme) < TINY) return;
  const inverse = f32(-128 / extreme);
  const d = setHalf(block, 208, f32(1 / inverse));
  for (let part = 0; part < 16; part++) block[192 + part] = Math.min(127, nearest(f32(inverse * scales[part]!)));
  for (let i = 0; i < 256; i++) {
    const scale = f32(d * ((block[192 + (i >> 4)]! << 24) >> 24));
    const code = 32 + (scale === 0 ? codes[i]! : signedCode(f32(values[i]! / scale)));
    const [half, quarter, l] = [i >> 7, (i >> 5) & 3, i & 31];
    block[64 * half + 32 * (quarter & 1) + l]! |= (code & 15) << (4 * (quarter >> 1));
    block[128 + 32 * half + l]! |= (code >> 4) << (2 * quarter);
  }
}

/** Below this magnitude parts and blocks count as zero. */
export const TINY = f32(1e-15);
const signedCode = (x: number): number => Math.max(-32, Math.min(31, nearest(x)));

/** Scale (`x = scale q`) of least squared error weighted by x^2, and the codes. */
function fitSymmetric(x: Float32Array, codes: Int8Array): number {
  const extreme = extremeOf(x);
  const tried = new Int8Array(x.length);
  if (Math.abs(extreme) < TINY) return 0;
  let [scale, best] = [0, 0];
  for (const step of STEPS) {
    const inverse = f32(-f32(32 + f32(STEP * step)) / extreme);
    let [sumLX, sumL2] = [0, 0];
    for (let i = 0; i < x.length; i++) {
      const square = f32(x[i]! * x[i]!);
      const code = (tried[i] = signedCode(f32(inverse * x[i]!)));
      sumLX = f32(sumLX + f32(f32(square * x[i]!) * code));
      sumL2 = f32(sumL2 + f32(f32(square * code) * code));
    }
    if (step !== 0 && !(sumL2 > 0 && f32(sumLX * sumLX) > f32(best * sumL2))) continue;
    codes.set(tried);
    scale = sumL2 === 0 ? 0 : f32(sumLX / sumL2);
    best = f32(scale * sumLX);
  }
  return scale;
}

/** The plain scale first, then its neighbours. */
const STEPS = [0, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9];

export function extremeOf(values: Float32Array): number {
  return values.reduce((extreme, value) => (Math.abs(value) > Math.abs(extreme) ? value : extreme), 0);
}

export const parts = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
