/** Formats of 4-bit codes that stand for a fixed list of uneven steps, bit for bit those of ggml; little-endian. */
import { byBlocks } from "./by-blocks.js";
import { halfAt, setHalf } from "./half-bytes.js";
import { extremeOf, nearest, TINY } from "./k-encode.js";
import type { PackedFormat } from "./packed-matrix.js";

const f32 = Math.fround;
/** What the codes stand for: close to each other where weights are many. */
const STEPS = Float32Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
/** Where the next step is nearer, or as near. */
const MIDDLES = STEPS.subarray(1).map((step, i) => (step + STEPS[i]!) / 2);
const PART = 32;

/**
 * Blocks of 32: a half d, then 16 bytes of two codes q, j in the low and j + 16 in the high half of byte j; `x = d V[q]`, with
 * V a fixed list of 16 uneven steps from -127 to 113. 4.5 bits a number.
 * @source ggml, block_iq4_nl, as `quantize_iq4_nl` packs it without an importance matrix.
 * @example packMatrix(values, [64, 64], iq4_nl).bytes.length; // 64 * 2 * 18
 */
export const iq4_nl: PackedFormat = {
  name: "iq4_nl",
  blockSize: PART,
  blockBytes: 18,
  encode: (values, bytes) => {
    for (let at = 0, to = 0; at < values.length; at += PART, to += 18) {
      const x = values.subarray(at, at + PART);
      const scale = fit(x);
      setHalf(bytes, to, scale);
      packCodes(x, scale, bytes.subarray(to + 2, to + 18));
    }
  },
  decode: (bytes, values) => {
    for (let at = 0, from = 0; at < values.length; at += PART, from += 18) unpackCodes(bytes, from + 2, halfAt(bytes, from), values, at);
  },
};

/**
 * Blocks of 256: a half d, 6 bytes of eight 6-bit scales s, codes as in {@link iq4_nl}; number i of part j = floor(i / 32) is
 * `x = d (s_j - 32) V[q]`. 4.25 bits a number.
 * @source ggml, block_iq4_xs, as `quantize_iq4_xs` packs it without an importance matrix.
 * @example packMatrix(values, [64, 256], iq4_xs).bytes.length; // 64 * 136
 */
export const iq4_xs: PackedFormat = {
  name: "iq4_xs",
  blockSize: 8 * PART,
  blockBytes: 136,
  encode: byBlocks(8 * PART, 136, encodeBlock),
  decode: (bytes, values) => {
    for (let at = 0, from = 0; at < values.length; at += 8 * PART, from += 136) {
      const d = halfAt(bytes, from);
      for (let j = 0; j < 8; j++) {
        const scale = ((bytes[from + 4 + (j >> 1)]! >> (4 * (j & 1))) & 15) | (((bytes[from + 2 + (j >> 2)]! >> (2 * (j & 3))) & 3) << 4);
        unpackCodes(bytes, from + 8 + 16 * j, d * (scale - 32), values, at + PART * j);
      }
    }
  },
};

function encodeBlock(values: Float32Array, block: Uint8Array): void {
  const part = (j: number) => values.subarray(PART * j, PART * j + PART);
  const scales = Float32Array.from({ length: 8 }, (_, j) => fit(part(j)));
  // The scales are measured by d as it was before it became a half.
  const d = f32(-extremeOf(scales) / 32);
  const inverse = inverseOf(d);
  block.fill(0);
  setHalf(block, 0, d);
  for (let j = 0; j < 8; j++) {
    const scale = Math.max(-32, Math.min(31, nearest(f32(inverse * scales[j]!))));
    packCodes(part(j), f32(d * scale), block.subarray(8 + 16 * j, 24 + 16 * j));
    block[4 + (j >> 1)]! |= ((scale + 32) & 15) << (4 * (j & 1));
    block[2 + (j >> 2)]! |= ((scale + 32) >> 4) << (2 * (j & 3));
  }
}

/** The scale (`x = scale V[q]`) of least squared error weighted by x^2, among those at which the extreme value gets about the first step. */
function fit(x: Float32Array): number {
  const extreme = extremeOf(x);
  if (Math.abs(extreme) < TINY) return 0;
  let { scale, sumQX } = tried(x, f32(1 / f32(extreme / -STEPS[0]!)));
  let best = f32(scale * sumQX);
  for (let step = -7; step <= 7; step++) {
    const next = tried(x, f32((step + STEPS[0]!) / extreme));
    if (!(next.sumQ2 > 0 && f32(next.sumQX * next.sumQX) > f32(best * next.sumQ2))) continue;
    ({ scale, sumQX } = next);
    best = f32(scale * sumQX);
  }
  return scale;
}

function tried(x: Float32Array, inverse: number): { scale: number; sumQX: number; sumQ2: number } {
  let [sumQX, sumQ2] = [0, 0];
  for (let i = 0; i < PART; i++) {
    const q = STEPS[codeOf(f32(inverse * x[i]!))]!;
    const weighted = f32(f32(x[i]! * x[i]!) * q);
    sumQX = f32(sumQX + f32(weighted * x[i]!));
    sumQ2 = f32(sumQ2 + f32(weighted * q));
  }
  return { scale: f32(sumQX / sumQ2), sumQX, sumQ2 };
}

function packCodes(x: Float32Array, scale: number, to: Uint8Array): void {
  const inverse = inverseOf(scale);
  for (let j = 0; j < 16; j++) to[j] = codeOf(f32(inverse * x[j]!)) | (codeOf(f32(inverse * x[j + 16]!)) << 4);
}

function unpackCodes(bytes: Uint8Array, from: number, scale: number, values: Float32Array, at: number): void {
  for (let j = 0; j < 16; j++) {
    values[at + j] = scale * STEPS[bytes[from + j]! & 15]!;
    values[at + j + 16] = scale * STEPS[bytes[from + j]! >> 4]!;
  }
}

/** The nearest step, the upper one on ties. */
function codeOf(x: number): number {
  let code = 0;
  while (code < 15 && x >= MIDDLES[code]!) code++;
  return code;
}

const inverseOf = (scale: number): number => (scale === 0 ? 0 : f32(1 / scale));
