import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMoekitError } from "@moekit/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWeights } from "./sharded.js";
import { SafetensorsFile } from "./safetensors-file.js";
import { writeSafetensors } from "./write.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-safetensors-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** A safetensors file of a header (any text) and data bytes. */
function fileOf(header: unknown, data: ArrayLike<number> = []): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({ dtype: "F32", shape, data_offsets: [begin, end] });
const floatBytes = (...values: number[]) => new Uint8Array(new Float32Array(values).buffer);

describe("reading", () => {
  it("reads a file written by the safetensors library of Python", async () => {
    const file = await SafetensorsFile.open(new URL("../../fixtures/mixtral/expected.safetensors", import.meta.url).pathname);
    expect(file.tensors.get("logits")).toMatchObject({ dtype: "F32", shape: [2, 24, 160] });
    const { shape, data } = await file.read("input_ids");
    expect(shape).toEqual([2, 24]);
    expect(data).toBeInstanceOf(Int32Array);
    expect(Math.max(...data)).toBeLessThan(160);
    expect((await file.read("loss")).shape).toEqual([]);
    await file.close();
  });

  it("decodes every dtype", async () => {
    const cases: [string, number[], number[]][] = [
      ["F64", [...new Uint8Array(new Float64Array([0.5, -3]).buffer)], [0.5, -3]],
      ["F32", [...floatBytes(0.1, -2)], [Math.fround(0.1), -2]],
      // 0x3c00 = 1, 0xc000 = -2, 0x0001 = 2^-24, 0x7c00 = infinity, 0x7bff = 65504
      ["F16", [0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0x00, 0x7c, 0xff, 0x7b], [1, -2, 2 ** -24, Infinity, 65504]],
      ["BF16", [0x80, 0x3f, 0x00, 0xc0, 0x80, 0x7f], [1, -2, Infinity]],
      // Sign, 4 of exponent (bias 7), 3 of mantissa: 0x38 = 1, 0xc4 = -3, 0x7e = 448, 0x01 = 2^-9, 0xff = NaN
      ["F8_E4M3", [0x38, 0xc4, 0x7e, 0x01, 0xff], [1, -3, 448, 2 ** -9, NaN]],
      // Sign, 5 of exponent (bias 15), 2 of mantissa: 0x3c = 1, 0xc2 = -3, 0x7b = 57344, 0x01 = 2^-16, 0x7c = infinity
      ["F8_E5M2", [0x3c, 0xc2, 0x7b, 0x01, 0x7c, 0x7f], [1, -3, 57344, 2 ** -16, Infinity, NaN]],
      ["F8_E8M0", [127, 128, 0, 1, 254, 255], [1, 2, 2 ** -127, 2 ** -126, 2 ** 127, NaN]],
      ["I64", [255, 255, 255, 255, 255, 255, 255, 255, 7, 0, 0, 0, 0, 0, 0, 0], [-1, 7]],
      ["I32", [254, 255, 255, 255], [-2]],
      ["U8", [200, 3], [200, 3]],
      ["BOOL", [1, 0], [1, 0]],
    ];
    for (const [dtype, bytes, values] of cases) {
      const file = await SafetensorsFile.fromBytes(fileOf({ x: { dtype, shape: [values.length], data_offsets: [0, bytes.length] } }, bytes));
      expect([...(await file.read("x")).data], dtype).toEqual(values);
    }
  });

  it("brackets and quotes in a name are part of the name", async () => {
    const name = '[{"]}\\\\[[[[';
    const file = await SafetensorsFile.fromBytes(fileOf({ [name]: f32(0, 4) }, floatBytes(3)));
    expect([...(await file.read(name)).data]).toEqual([3]);
  });

  it("reads rows of a tensor", async () => {
    const file = await SafetensorsFile.fromBytes(fileOf({ a: f32(0, 4), b: f32(4, 28, [3, 2]) }, floatBytes(9, 1, 2, 3, 4, 5, 6)));
    const rows = await file.readRows("b", 1, 3);
    expect(rows.shape).toEqual([2, 2]);
    expect([...rows.data]).toEqual([3, 4, 5, 6]);
    await expect(file.readRows("b", 2, 4)).rejects.toThrow("rows 2 to 4 are not in it");
  });

  it("names a tensor that is not there and memory that does not fit", async () => {
    const file = await SafetensorsFile.fromBytes(fileOf({ a: f32(0, 4) }, floatBytes(1)));
    await expect(file.read("b")).rejects.toThrow('no tensor "b"');
    await expect(file.readInto("a", new Float32Array(2))).rejects.toThrow("needs a Float32Array of 1; got a Float32Array of 2");
  });

  it("refuses an I64 value beyond int32", async () => {
    const file = await SafetensorsFile.fromBytes(fileOf({ x: { dtype: "I64", shape: [1], data_offsets: [0, 8] } }, [0, 0, 0, 0, 1, 0, 0, 0]));
    await expect(file.read("x")).rejects.toThrow("does not fit int32");
  });
});

describe("damaged files", () => {
  const huge = (length: bigint) => {
    const bytes = new Uint8Array(64);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    return bytes;
  };
  const cases: [string, Uint8Array, string][] = [
    ["an empty file", new Uint8Array(0), "truncated"],
    ["a header length beyond the file", huge(1000n), "truncated"],
    ["a header length of 2^63", huge(2n ** 63n), "at most 100000000"],
    ["a header that is not JSON", fileOf("{nonsense"), "not JSON"],
    ["a header that is not UTF-8", fileOf('{"\u0000"}').fill(0xff, 8), "not JSON"],
    ["a header that is a list", fileOf("[]"), "JSON object"],
    ["a duplicate tensor", fileOf('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', [1]), '"a" twice'],
    ["a duplicate field", fileOf('{"a":{"dtype":"U8","shape":[2],"shape":[1],"data_offsets":[0,1]}}', [1]), '"shape" twice'],
    ["a million brackets", fileOf('{"a":'.repeat(1e6)), "nested too deeply"],
    ["brackets in a list in a shape", fileOf({ a: f32(0, 4, [[1]]) }, [0, 0, 0, 0]), "nested too deeply"],
    ["metadata that is not strings", fileOf({ __metadata__: { a: 1 } }), "strings to strings"],
    ["an unknown dtype", fileOf({ a: { dtype: "F8", shape: [1], data_offsets: [0, 1] } }, [1]), "known are"],
    ["a dtype named like a method of Object", fileOf({ a: { dtype: "toString", shape: [1], data_offsets: [0, 1] } }, [1]), "known are"],
    ["a negative size", fileOf({ a: f32(0, 4, [-1]) }, [0, 0, 0, 0]), "whole numbers"],
    ["a fractional size", fileOf({ a: f32(0, 4, [0.5, 2]) }, [0, 0, 0, 0]), "whole numbers"],
    ["sizes whose product overflows", fileOf({ a: f32(0, 4, [2 ** 40, 2 ** 40]) }, [0, 0, 0, 0]), "span 4"],
    ["a shape that does not match the bytes", fileOf({ a: f32(0, 8, [3]) }, floatBytes(1, 2)), "takes 12 bytes"],
    ["three offsets", fileOf({ a: { dtype: "U8", shape: [1], data_offsets: [0, 1, 2] } }, [1]), "two whole numbers"],
    ["an end before the begin", fileOf({ a: f32(4, 0, [1]) }, floatBytes(1)), "span -4"],
    ["a missing field", fileOf({ a: { dtype: "U8", shape: [1] } }, [1]), "exactly dtype"],
    ["an end beyond the file", fileOf({ a: f32(0, 8) }, floatBytes(1)), "truncated"],
    ["offsets near 2^53", fileOf({ a: f32(2 ** 52, 2 ** 52 + 4, [1]) }, floatBytes(1)), "truncated"],
    ["overlapping tensors", fileOf({ a: f32(0, 8), b: f32(4, 12) }, floatBytes(1, 2, 3)), "neither overlap nor leave gaps"],
    ["a gap between tensors", fileOf({ a: f32(0, 4), b: f32(8, 12) }, floatBytes(1, 2, 3)), "neither overlap nor leave gaps"],
    ["bytes after the last tensor", fileOf({ a: f32(0, 4) }, floatBytes(1, 2)), "the file has"],
  ];
  it.each(cases)("%s is a CheckpointError that says so", async (_name, bytes, message) => {
    const error = await SafetensorsFile.fromBytes(bytes).catch((reason: unknown) => reason);
    expect(isMoekitError(error, "checkpoint")).toBe(true);
    expect((error as Error).message).toContain(message);
  });

  it("a missing file and a folder are CheckpointErrors", async () => {
    await expect(SafetensorsFile.open(join(folder, "nowhere"))).rejects.toSatisfy((error) => isMoekitError(error, "checkpoint"));
    await expect(SafetensorsFile.open(folder)).rejects.toThrow("is not a file");
  });

  it("a file that shrinks after it was opened is reported, not read as zeros", async () => {
    const path = join(folder, "shrinks.safetensors");
    const bytes = fileOf({ a: f32(0, 8) }, floatBytes(1, 2));
    await writeFile(path, bytes);
    const file = await SafetensorsFile.open(path);
    await truncate(path, bytes.length - 1);
    await expect(file.read("a")).rejects.toThrow("truncated");
    await file.close();
  });

  it("20,000 mutated files either read completely within their bounds or are CheckpointErrors", async () => {
    const valid = fileOf({ __metadata__: { format: "pt" }, "a.weight": f32(0, 8, [2]), b: { dtype: "BF16", shape: [2, 1], data_offsets: [8, 12] } }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const byte = fc.integer({ min: 0, max: 255 });
    const at = fc.nat(valid.length - 1);
    const flips = fc.array(fc.tuple(at, byte), { minLength: 1, maxLength: 4 }).map((changes) => {
      const bytes = valid.slice();
      for (const [position, value] of changes) bytes[position] = value;
      return bytes;
    });
    const cuts = at.map((length) => valid.slice(0, length));
    const size = fc.oneof(fc.nat(16), fc.constantFrom(-1, 2 ** 31, 2 ** 53, 1e308, 0.5), fc.string(), fc.constant(null));
    const info = fc.record({ dtype: fc.constantFrom("F32", "U8", "BF16", "F8_E4M3", "Q4", "__proto__"), shape: fc.array(size, { maxLength: 3 }), data_offsets: fc.array(size, { maxLength: 3 }) });
    const headers = fc.tuple(fc.dictionary(fc.string(), fc.oneof(info, fc.jsonValue()), { maxKeys: 3 }), fc.uint8Array({ maxLength: 16 })).map(([header, data]) => fileOf(header, data));
    const texts = fc.tuple(fc.string(), fc.uint8Array({ maxLength: 8 })).map(([text, data]) => fileOf(text, data));
    await fc.assert(
      fc.asyncProperty(fc.oneof(flips, cuts, headers, texts), async (bytes) => {
        const file = await SafetensorsFile.fromBytes(bytes).catch((error: unknown) => {
          if (!isMoekitError(error, "checkpoint")) throw error;
        });
        for (const [name, { begin, end }] of file?.tensors ?? []) {
          expect(begin >= 8 && begin <= end && end <= bytes.length).toBe(true);
          await file!.read(name);
        }
      }),
      { numRuns: 20_000, seed: 1 },
    );
  });
});

describe("writing", () => {
  const float = fc.oneof(fc.float({ noNaN: true, min: -60000, max: 60000 }), fc.constantFrom(0, -0, Infinity, -Infinity, 2 ** -24, 1e-40));

  it("float32, int32 and metadata come back bit for bit", async () => {
    const path = join(folder, "round-trip.safetensors");
    await fc.assert(
      fc.asyncProperty(fc.array(float), fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), async (floats, ints) => {
        const tensors = { w: { shape: [floats.length], data: new Float32Array(floats) }, ids: { shape: [ints.length, 1], data: new Int32Array(ints) } };
        await writeSafetensors(path, tensors, { metadata: { format: "pt" } });
        const file = await SafetensorsFile.open(path);
        expect(file.metadata).toEqual({ format: "pt" });
        expect(await file.read("w")).toEqual(tensors.w);
        expect(await file.read("ids")).toEqual(tensors.ids);
        await file.close();
      }),
      { numRuns: 40, seed: 2 },
    );
  });

  it("16-bit formats round to the nearest value, ties to even", async () => {
    // Steps above 1: bfloat16 2^-7, half 2^-10; half steps below 2^-14: 2^-24.
    const check = async (dtype: "BF16" | "F16", values: number[], want: number[]) => {
      const path = join(folder, "half.safetensors");
      await writeSafetensors(path, { x: { shape: [values.length], data: new Float32Array(values) } }, { dtype });
      const file = await SafetensorsFile.open(path);
      expect([...(await file.read("x")).data], dtype).toEqual(want);
      await file.close();
    };
    const u = 2 ** -8;
    await check("BF16", [1 + u, 1 + 3 * u, 1 + 1.01 * u, -1 - 3 * u, NaN, -Infinity], [1, 1 + 4 * u, 1 + 2 * u, -1 - 4 * u, NaN, -Infinity]);
    const v = 2 ** -11;
    await check("F16", [1 + v, 1 + 3 * v, 65519, 2 ** -25, 3 * 2 ** -25, 1.5 * 2 ** -24, 0.99 * 2 ** -14, NaN, Infinity, -0], [1, 1 + 4 * v, 65504, 0, 2 ** -23, 2 ** -23, Math.round(0.99 * 1024) * 2 ** -24, NaN, Infinity, -0]);
  });

  it("every 16-bit pattern survives reading and writing", async () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i);
    for (const [dtype, exponent] of [["BF16", 0x7f80], ["F16", 0x7c00]] as const) {
      const source = await SafetensorsFile.fromBytes(fileOf({ x: { dtype, shape: [65536], data_offsets: [0, 131072] } }, new Uint8Array(patterns.buffer)));
      const path = join(folder, "patterns.safetensors");
      await writeSafetensors(path, { x: await source.read("x") }, { dtype });
      const written = new Uint16Array(Uint8Array.from(await readFile(path)).slice(-131072).buffer);
      const isNaNPattern = (i: number) => (i & exponent) === exponent && (i & ~(exponent | 0x8000)) !== 0;
      const wrong = [...patterns].filter((i) => (isNaNPattern(i) ? !isNaNPattern(written[i]!) : written[i] !== i));
      expect(wrong, dtype).toEqual([]);
    }
  });

  it("refuses a value that only fits float32, and leaves the old file untouched", async () => {
    const path = join(folder, "kept.safetensors");
    const of = (value: number) => ({ x: { shape: [1], data: new Float32Array([value]) } });
    await writeSafetensors(path, of(1), { dtype: "F16" });
    await expect(writeSafetensors(path, of(1e6), { dtype: "F16" })).rejects.toThrow("does not fit F16");
    const file = await SafetensorsFile.open(path);
    expect([...(await file.read("x")).data]).toEqual([1]);
    await file.close();
    expect(existsSync(`${path}.partial`)).toBe(false);
  });

  it("refuses a shape that does not fit its values", async () => {
    await expect(writeSafetensors(join(folder, "bad.safetensors"), { x: { shape: [3], data: new Float32Array(2) } })).rejects.toThrow("needs 3 values; got 2");
    expect(await readdir(folder)).not.toContain("bad.safetensors");
  });
});

describe("shards", () => {
  const withIndex = async (map: unknown) => {
    const dir = await mkdtemp(join(folder, "shards-"));
    await writeSafetensors(join(dir, "a.safetensors"), { x: { shape: [1], data: new Float32Array([1]) } });
    await writeSafetensors(join(dir, "b.safetensors"), { y: { shape: [1], data: new Float32Array([2]) } });
    await writeFile(join(dir, "model.safetensors.index.json"), typeof map === "string" ? map : JSON.stringify({ weight_map: map }));
    return dir;
  };

  it("are one reader", async () => {
    const reader = await openWeights(await withIndex({ x: "a.safetensors", y: "b.safetensors" }));
    expect([...reader.tensors.keys()].sort()).toEqual(["x", "y"]);
    expect((await reader.read("y")).data[0]).toBe(2);
    await reader.close();
  });

  it.each([
    ["a path out of the folder", { x: "../a.safetensors" }, "plain *.safetensors file name"],
    ["an absolute path", { x: "/etc/a.safetensors" }, "plain *.safetensors file name"],
    ["a backslash", { x: "..\\a.safetensors" }, "plain *.safetensors file name"],
    ["a number", { x: 3 }, "plain *.safetensors file name"],
    ["a list", [], "weight_map"],
    ["no JSON", "{", "not JSON"],
    ["a shard that is missing", { x: "c.safetensors" }, "cannot be opened"],
    ["a tensor in the wrong shard", { x: "b.safetensors", y: "b.safetensors" }, "but it is not"],
    ["a tensor that the index forgets", { x: "a.safetensors", z: "b.safetensors" }, "but it is not"],
  ])("an index with %s is refused", async (_name, map, message) => {
    const error = await openWeights(await withIndex(map)).catch((reason: unknown) => reason);
    expect(isMoekitError(error, "checkpoint")).toBe(true);
    expect((error as Error).message).toContain(message);
  });

  it("a folder without weights says so", async () => {
    await expect(openWeights(folder)).rejects.toThrow("neither model.safetensors nor");
  });
});
