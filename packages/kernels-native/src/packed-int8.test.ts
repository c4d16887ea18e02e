import { packedMatmul, type PackedMatrix, packMatrix, unpackRows } from "@moekit/core";
import { packedFormat, packedFormats } from "@moekit/core/packed";
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { setNativePrecision } from "./index.js";
import { describeSettings } from "./testing/native.js";

const GROUPS_OF_16 = ["q2_K", "q3_K", "q6_K"];
const SCALED = packedFormats.filter(({ blockSize }) => blockSize > 1).map(({ name }) => name);

describeSettings(() => {
  beforeAll(() => setNativePrecision("int8"));
  afterAll(() => setNativePrecision("f32"));

  it.each(SCALED)("%s: the product with activations in 8 bits", (name) => {
    const widths = packedFormat(name).blockSize === 256 ? [256, 1280] : [32, 96, 256, 544];
    for (const [numRows, outSize] of [[1, 5], [2, 3], [7, 9], [8, 1], [13, 17], [25, 40]] as const) {
      for (const width of widths) {
        const { x, packed } = problem(name, numRows, outSize, width);
        const y = multiply(x, numRows, packed);
        expect(distance(y, product(roundedTo8Bits(x, GROUPS_OF_16.includes(name) ? 16 : 32), numRows, packed))).toBeLessThan(3e-6);
        // Few or long sums may all be small differences of large terms.
        if (y.length === 1000 && width === 256) expect(distance(y, product(x, numRows, packed))).toBeLessThan(3e-2);
        expect(distance(y, product(x, numRows, packed))).toBeGreaterThan(1e-5);
      }
    }
  });

  it.each(["bf16", "f16", "f8_e4m3"])("%s, which has no integers, is multiplied in bfloat16", (name) => {
    const { x, packed } = problem(name, 9, 5);
    expect(distance(multiply(x, 9, packed), product(x, 9, packed))).toBeLessThan(3e-2);
  });

  it("rows of zeros give zeros, rows with a NaN or an infinity give NaN", () => {
    for (const numRows of [4, 9]) {
      const { x, packed } = problem("q8_0", numRows, 3);
      x.fill(0, 0, 256);
      x[256 + 40] = NaN;
      x[512 + 7] = Infinity;
      const y = multiply(x, numRows, packed);
      expect([...y.subarray(0, 3)]).toEqual([0, 0, 0]);
      expect([...y.subarray(3, 9)].every(Number.isNaN)).toBe(true);
      expect([...y.subarray(9)].every(Number.isFinite)).toBe(true);
    }
  });
});

describe("the test's rounding", () => {
  it("is to the nearest of 255 steps", () => {
    expect([...roundedTo8Bits(Float32Array.of(127, -63.5, 0.4, 0.6), 4)]).toEqual([127, -64, 0, 1]);
  });
});

function problem(format: string, numRows: number, outSize: number, width = 256): { x: Float32Array; packed: PackedMatrix } {
  const weights = Float32Array.from({ length: outSize * width }, (_, i) => Math.sin(i * i * 1.7) * (1 + (i % 7)) * 0.1);
  const x = Float32Array.from({ length: numRows * width }, (_, i) => Math.cos(i * i * 0.9 + (i % 13)));
  return { x, packed: packMatrix(weights, [outSize, width], packedFormat(format)) };
}

function multiply(x: Float32Array, numRows: number, packed: PackedMatrix): Float32Array {
  return tf.tidy(() => packedMatmul(tf.tensor2d(x, [numRows, packed.shape[1]]), packed).dataSync().slice() as Float32Array);
}

function product(x: Float32Array, numRows: number, packed: PackedMatrix): Float64Array {
  const w = unpackRows(packed);
  const [outSize, width] = packed.shape;
  return Float64Array.from({ length: numRows * outSize }, (_, i) => {
    const [n, o] = [Math.floor(i / outSize), i % outSize];
    let sum = 0;
    for (let k = 0; k < width; k++) sum += x[n * width + k]! * w[o * width + k]!;
    return sum;
  });
}

/** Each group as a multiple of its largest magnitude / 127, ties to even. */
function roundedTo8Bits(x: Float32Array, group: number): Float32Array {
  const rounded = new Float32Array(x.length);
  for (let g = 0; g < x.length; g += group) {
    const most = x.subarray(g, g + group).reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const inverse = most > 0 ? Math.fround(127 / most) : 0;
    for (let i = g; i < g + group; i++) rounded[i] = Math.fround(most / 127) * (Math.fround(Math.fround(x[i]! * inverse) + 12582912) - 12582912);
  }
  return rounded;
}

/** Largest error, relative to the largest value: sums of 256 terms cancel. */
function distance(got: Float32Array, want: Float64Array): number {
  const scale = want.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return got.reduce((worst, value, i) => Math.max(worst, Math.abs(value - want[i]!)), 0) / scale;
}
