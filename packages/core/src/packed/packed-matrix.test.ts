import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bf16, f16, f8_e4m3, iq4_nl, iq4_xs, mxfp4, q2_K, q3_K, q4_0, q4_1, q4_K, q5_0, q5_1, q5_K, q6_K, q8_0 } from "../packed.js";
import { packMatrix, unpackRows } from "./index.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("packed formats", () => {
  it("bf16 rounds ties to even", () => {
    const bits = hex(packMatrix(new Float32Array([1, Math.PI, 1.00390625, 1.01171875, -0.1]), [1, 5], bf16).bytes);
    expect(bits).toBe("803f" + "4940" + "803f" + "823f" + "cdbd");
  });

  // Errors as a share of the largest magnitude of the block. One-sided codes cut the extreme of the other sign off.
  const precisions = [
    [bf16, 1, 2 ** -8], [f16, 1, 2 ** -11], [f8_e4m3, 1, 2 ** -4], [q8_0, 32, 0.5 / 127 + 2 ** -11], [q4_0, 32, 1 / 8 + 2 ** -11],
    [q4_1, 32, 1 / 15 + 2 ** -9], [q5_0, 32, 1 / 16 + 2 ** -11], [q5_1, 32, 1 / 31 + 2 ** -9], [mxfp4, 32, 1 / 4], [q4_K, 256, 1 / 8], [q5_K, 256, 1 / 16], [q6_K, 256, 1 / 16],
    [q2_K, 256, 1 / 2], [q3_K, 256, 1 / 3], [iq4_nl, 32, 1 / 7], [iq4_xs, 256, 1 / 6],
  ] as const;
  it.each(precisions)("$name keeps values to its precision", (format, blocks, precision) => {
    const value = fc.float({ min: Math.fround(-100), max: 100, noNaN: true }).filter((x) => x === 0 || Math.abs(x) > 1 / 64);
    fc.assert(
      fc.property(fc.array(value, { minLength: blocks * 2, maxLength: blocks * 2 }), (values) => {
        const back = unpackRows(packMatrix(Float32Array.from(values), [2, blocks], format));
        values.forEach((x, i) => {
          const row = values.slice(Math.floor(i / blocks) * blocks, (Math.floor(i / blocks) + 1) * blocks);
          expect(Math.abs(back[i]! - x)).toBeLessThanOrEqual(precision * Math.max(...row.map(Math.abs)) * (1 + 1e-6));
        });
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it("rows are unpacked on their own", () => {
    const packed = packMatrix(Float32Array.from({ length: 6 }, (_, i) => i), [3, 2], bf16);
    expect([...unpackRows(packed, 1, 2)]).toEqual([2, 3, 4, 5]);
    expect(unpackRows(packed, 3, 0).length).toBe(0);
  });

  it("refuse what does not fit, by name", () => {
    expect(() => packMatrix(new Float32Array(33), [1, 33], q8_0)).toThrow("rows of q8_0 are a multiple of 32 long; got 33");
    expect(() => packMatrix(new Float32Array(3), [2, 2], bf16)).toThrow("packMatrix: [2, 2] needs 4 values; got 3.");
    expect(() => packMatrix(new Float32Array([0, NaN]), [1, 2], bf16)).toThrow("value 1 is NaN");
    expect(() => packMatrix(new Float32Array([1e6]), [1, 1], f16)).toThrow("does not fit a half");
    expect(() => unpackRows({ format: bf16, shape: [2, 2], bytes: new Uint8Array(7) })).toThrow("has 8 bytes; got 7");
    expect(() => unpackRows(packMatrix(new Float32Array(32), [1, 32], q8_0), 1, 1)).toThrow("rows 1 to 2 are not within the 1 rows");
  });
});
