import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { f16, f8_e4m3, packedFormat, packedFormats } from "../packed.js";
import { fromF16, packMatrix, unpackRows } from "./index.js";
import { scaleAt } from "./k-quants.js";

/** Recorded by fixtures/record-ggml.py. */
const ggml = JSON.parse(readFileSync(new URL("fixtures/ggml.json", import.meta.url), "utf8")) as {
  input: string;
  formats: Record<string, { bytes: string; values: string; noise: string; noiseValues: string }>;
};
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const digest = (values: Float32Array) => createHash("sha256").update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)).digest("hex");
const decode = (name: string, bytes: Uint8Array) => {
  const format = packedFormat(name);
  return unpackRows({ format, shape: [1, (bytes.length / format.blockBytes) * format.blockSize], bytes });
};

describe("formats of ggml", () => {
  const input = new Float32Array(bytesOf(ggml.input).buffer);
  const names = Object.keys(ggml.formats);

  it("are all recorded", () => {
    expect(names.sort()).toEqual(packedFormats.map(({ name }) => name).filter((name) => /_|mxfp4/.test(name) && name !== "f8_e4m3").sort());
  });

  it.each(names)("%s packs to the same bytes", (name) => {
    expect(hex(packMatrix(input, [1, input.length], packedFormat(name)).bytes)).toBe(hex(bytesOf(ggml.formats[name]!.bytes)));
  });

  it.each(names)("%s unpacks to the same bits", (name) => {
    const { bytes, values, noise, noiseValues } = ggml.formats[name]!;
    expect(digest(decode(name, bytesOf(bytes)))).toBe(values);
    expect(digest(decode(name, bytesOf(noise)))).toBe(noiseValues);
  });

  // x_i = ((37 i) mod 101 - 50) / 32, first 32 of them: bytes written by the reference quantisers.
  const steps = Float32Array.from({ length: 256 }, (_, i) => (((37 * i) % 101) - 50) / 32);
  it.each([
    ["q8_0", "4d2281df3d9af856b41270cd2b89e745a2005ebb1977d53390ee4caa0866c3217fdc"],
    ["q4_0", "4032e046acf258bd1379df358be046acf268"],
    ["q4_1", "ab3240bed0369bf257bd1369ce258ae0469cf258"],
    ["q5_0", "402ea4a52d6dc07c38f3bf6b26e2ae5a15d18d49f4c0"],
    ["q5_1", "742e40bea4a52d6db07b37e3af6a26d29d5905c18c48f4b0"],
    ["mxfp4", "7d6fdb257ec946fea267ec146fda357eb0"],
  ])("%s of a known sequence", (name, bytes) => {
    expect(hex(packMatrix(steps.subarray(0, 32), [1, 32], packedFormat(name)).bytes)).toBe(bytes);
  });

  // Start of the block, last value, sum and root of the mean squared error of the same sequence, 256 long.
  it.each([
    ["q4_K", "de1a2c26fefffffcfffdfefecfdcfffea0156bc1278cd3489e045ab0167bc237", -0.271499634, -1.35942078, 0.0543],
    ["q5_K", "8e165326fffdfdfdfffcfeffdfeffdcf326c9936cc9366c9b36499324c9926cc", -0.272438049, -1.54557228, 0.0266],
    ["q6_K", "d158bf37be25ad048b047bf37ad159d0c941ea63eb74fb741d951ea72fc841c9", -0.234493017, -1.50509048, 0.0128],
  ])("%s of a known sequence", (name, start, last, sum, error) => {
    const packed = packMatrix(steps, [1, 256], packedFormat(name));
    const values = unpackRows(packed);
    expect(hex(packed.bytes.subarray(0, 32))).toBe(start);
    expect(values[255]).toBeCloseTo(last, 8);
    expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(sum, 5);
    expect(Math.sqrt(values.reduce((a, b, i) => a + (b - steps[i]!) ** 2, 0) / 256)).toBeCloseTo(error, 4);
  });

  it("scales of 6 bits lie as ggml packs them", () => {
    const bytes = Uint8Array.from(Buffer.from("4182c3c4054687c891a2b3cf", "hex"));
    const pairs = [...bytes.subarray(0, 8).keys()].map((j) => scaleAt(bytes, 0, j));
    expect(pairs).toEqual([[1, 5], [2, 6], [3, 7], [4, 8], [17, 9], [34, 26], [51, 43], [63, 60]]);
  });
});

describe("f8_e4m3", () => {
  const code = (value: number) => packMatrix(new Float32Array([value]), [1, 1], f8_e4m3).bytes[0];

  it("packs what it unpacks, for every code", () => {
    const codes = Uint8Array.from({ length: 256 }, (_, i) => i).filter((i) => (i & 127) !== 127);
    const values = unpackRows({ format: f8_e4m3, shape: [1, codes.length], bytes: codes });
    expect([...packMatrix(values, [1, codes.length], f8_e4m3).bytes]).toEqual([...codes]);
    expect(unpackRows({ format: f8_e4m3, shape: [1, 1], bytes: Uint8Array.of(127) })[0]).toBeNaN();
  });

  it("has the numbers of its definition", () => {
    // 0x38 = 2^(7 - 7), 0x7e = 1.75 * 2^8, 0x01 = 2^-9, 0x08 = 2^-6
    expect([...unpackRows({ format: f8_e4m3, shape: [1, 5], bytes: Uint8Array.of(0x38, 0x7e, 1, 8, 0xb9) })]).toEqual([1, 448, 2 ** -9, 2 ** -6, -1.125]);
  });

  // Recorded from torch 2.13: tensor.to(torch.float8_e4m3fn).view(torch.uint8)
  it.each([[448, 126], [464, 126], [465, 126], [1e9, 126], [-464.1, 254], [2 ** -10, 0], [2 ** -10 * 1.01, 1], [-0, 128], [1.0625, 0x38], [1.1875, 0x3a]])("packs %d as torch does", (value, want) => {
    expect(code(value)).toBe(want);
  });
});

it("f16 unpacks every half, subnormal ones and infinities included", () => {
  const bytes = new Uint8Array(Uint16Array.from({ length: 1 << 16 }, (_, i) => i).buffer);
  const want = new Float32Array(Uint32Array.from({ length: 1 << 16 }, (_, i) => fromF16(i)).buffer);
  expect(unpackRows({ format: f16, shape: [256, 256], bytes })).toEqual(want);
});

it("formats are found by name", () => {
  expect(packedFormat("Q4_k").name).toBe("q4_K");
  expect(() => packedFormat("q3_S")).toThrow('packedFormat: unknown name "q3_S"; known names are bf16, f16, f8_e4m3, iq4_nl, iq4_xs, mxfp4, q2_K');
});
