import { type PackedFormat, packBlocks } from "@moekit/core";
import { f16, packedFormats, q8_0 } from "@moekit/core/packed";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeSettings } from "./testing/native.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const packed = (values: Float32Array, format: PackedFormat, pack: (values: Float32Array, bytes: Uint8Array) => void) => {
  const bytes = new Uint8Array((values.length / format.blockSize) * format.blockBytes).fill(0xaa);
  pack(values, bytes);
  return hex(bytes);
};
const natively = (values: Float32Array, format: PackedFormat) => packed(values, format, (x, bytes) => packBlocks(x, bytes, format));
const byFormat = (values: Float32Array, format: PackedFormat) => packed(values, format, format.encode);

/** Numbers of very different size, many zeros, ties and one-sided stretches among them. */
const LIKE = [(i: number) => Math.sin(i * 1.7) * (1 + (i % 7)) * 0.1, (i: number) => Math.sin(i * i) ** 9 * 30, (i: number) => (i % 11 === 0 ? Math.cos(i) : 0), (i: number) => ((i * 37) % 17) / 4 - 2, (i: number) => Math.abs(Math.sin(i)) + 3, (i: number) => Math.sin(i) * 1e-7];

describeSettings(() => {
  it.each([...packedFormats])("$name: the bytes are those of the format", (format) => {
    // Blocks that are searched together, a rest of them, and several pieces of work.
    for (const [like, count] of LIKE.flatMap((make) => [1, 17, 150].map((blocks) => [make, blocks * format.blockSize] as const))) {
      const values = Float32Array.from({ length: count }, (_, i) => like(i));
      expect(natively(values, format)).toBe(byFormat(values, format));
    }
  });

  it.each([...packedFormats])("$name: the bytes are those of the format for any numbers", (format) => {
    const value = fc.oneof(fc.float({ min: -8, max: 8, noNaN: true }), fc.constant(0), fc.integer({ min: -4, max: 4 }), fc.float({ min: Math.fround(-1e-5), max: Math.fround(1e-5), noNaN: true }));
    const blocks = fc.array(value, { minLength: format.blockSize, maxLength: format.blockSize });
    const same = (values: number[]) => {
      expect(natively(Float32Array.from(values), format)).toBe(byFormat(Float32Array.from(values), format));
    };
    fc.assert(fc.property(blocks, same), { numRuns: 40, seed: 1 });
  });

  it("a value that does not fit is the error of the format", () => {
    expect(() => natively(Float32Array.of(1, 1e6), f16)).toThrow("packMatrix: 1000000 does not fit a half");
  });
});

describe("the comparison", () => {
  it("tells bytes apart", () => {
    expect(byFormat(new Float32Array(32).fill(1), q8_0)).not.toBe(byFormat(new Float32Array(32).fill(2), q8_0));
  });
});
