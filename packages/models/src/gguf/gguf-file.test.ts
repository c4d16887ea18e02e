import { readFileSync } from "node:fs";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { fileURLToPath } from "node:url";
import { isMoekitError } from "@moekit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entry, ggufBytes, join, text, u32, u64, type Lies } from "../testing/gguf-bytes.js";
import { formatOf } from "./formats.js";
import { GgufFile } from "./gguf-file.js";

/** Written by gguf-py 0.19; tensors hold x_i = ((37 i) mod 101 - 50) / 32. */
const golden = new Uint8Array(readFileSync(fileURLToPath(new URL("../../fixtures/gguf/golden.gguf", import.meta.url))));
const x = (i: number) => (((37 * i) % 101) - 50) / 32;

describe("a file of gguf-py", () => {
  it("has its metadata, of every type", async () => {
    const { version, metadata } = await GgufFile.fromBytes(golden);
    expect(version).toBe(3);
    const plain = Object.fromEntries([...metadata].map(([key, { value }]) => [key, value]));
    expect(plain).toEqual({
      "general.architecture": "golden",
      "v.u8": 200, "v.i8": -100, "v.u16": 60000, "v.i16": -30000, "v.u32": 4000000000, "v.i32": -2000000000,
      "v.f32": Math.fround(0.1), "v.yes": true, "v.no": false, "v.text": "grüß ▁", "v.u64": 2n ** 63n + 1n, "v.i64": -5, "v.f64": 0.1,
      "a.texts": ["<s>", "", "é"], "a.ints": new Int32Array([1, -2, 3]), "a.floats": new Float32Array([0.5, -1.5]), "a.flags": [true, false, true],
      "a.nested": [{ type: "array", of: "i32", value: new Int32Array([1, 2]) }, { type: "array", of: "i32", value: new Int32Array([3]) }],
    });
    expect(metadata.get("v.u16")!.type).toBe("u16");
  });

  it("has its tensors, row-major", async () => {
    const file = await GgufFile.fromBytes(golden);
    expect(file.info("f32")).toEqual({ type: "f32", shape: [1, 2, 3], begin: 992, end: 1016 });
    expect([...(await file.readRows("f32"))]).toEqual([0, 1, 2, 3, 4, 5].map(x));
    expect([...(await file.readRows("f16", 1, 3))]).toEqual([2, 3, 4, 5].map(x));
    expect([...(await file.readRows("bf16", 1))]).toEqual(Array.from({ length: 64 }, (_, i) => x(64 + i)));
    expect(await file.readBytes("i32")).toEqual(new Uint8Array(new Int32Array([0, 1, 2, 3]).buffer));
  });

  // First values as gguf-py decodes them.
  it.each([
    ["q8_0", [-1.5628891, -0.40610504, 0.750679, -1.2552338]],
    ["q4_0", [-1.5625, -0.390625, 0.78125, -1.171875]],
    ["q4_1", [-1.5625, -0.31225586, 0.72961426, -1.145752]],
    ["q5_0", [-1.5625, -0.390625, 0.78125, -1.2695312]],
    ["q5_1", [-1.5625, -0.45336914, 0.7565918, -1.2600098]],
  ] as const)("%s is decoded as gguf-py does", async (name, want) => {
    const file = await GgufFile.fromBytes(golden);
    expect([...(await file.readRows(name)).subarray(0, 4)]).toEqual(want.map((value) => expect.closeTo(value, 6) as number));
    const { format, shape, bytes } = await file.readPacked(name, 1, 2);
    expect([format.name, ...shape, bytes.length]).toEqual([name, 1, 64, 2 * format.blockBytes]);
  });

  it("refuses rows that are not there, tensors that are not there and types that hold no weights", async () => {
    const file = await GgufFile.fromBytes(golden);
    await expect(file.readRows("f16", 1, 4)).rejects.toThrow('"f16" has the shape [3, 2]; rows 1 to 4 are not in it');
    await expect(file.readRowsInto("f16", 0, new Float32Array(3))).rejects.toThrow("rows 0 to 1.5");
    await expect(file.readRows("nothing")).rejects.toThrow('no tensor "nothing"');
    await expect(file.readRows("i32")).rejects.toThrow('"i32" of i32 has no packed form here. Types that can be read are f32, bf16, f16, q8_0,');
  });

  it("metadata of another type than expected is named", async () => {
    const { metadata } = await GgufFile.fromBytes(golden);
    expect(metadata.count("v.u8")).toBe(200);
    expect(metadata.numbers("a.ints")).toEqual([1, -2, 3]);
    expect(metadata.flag("missing", true)).toBe(true);
    expect(() => metadata.count("v.i8")).toThrow('"v.i8" must be a whole number from 0; it is i8 -100');
    expect(() => metadata.text("a.texts")).toThrow('"a.texts" must be a string; it is an array of string');
    expect(() => metadata.flag("missing")).toThrow('the metadata has no "missing"');
  });
});

const arrayOf = (type: number, count: number | bigint, ...items: Uint8Array[]) => join([u32(type), u64(count), ...items]);
const aligned = (value: number) => entry("general.alignment", 4, u32(value));

describe("hostile files", () => {
  const cases: [string, Lies, string][] = [
    ["another magic", { magic: 1 }, "not a GGUF file"],
    ["version 1", { version: 1 }, "version is 1; 2 and 3 can be read"],
    ["big-endian", { version: 0x03000000 }, "big-endian"],
    ["2^63 tensors", { numTensors: 2n ** 63n }, "number of tensors is 9223372036854775808"],
    ["2^63 keys", { numKeys: 2n ** 63n }, "number of metadata keys"],
    ["one tensor too many", { numTensors: 2 }, "axes; at most 4"],
    ["a key of 2^63 bytes", { entries: [join([text("", 2n ** 63n)])] }, "the length of a metadata key"],
    ["a string of 2^40 bytes", { entries: [entry("k", 8, text("", 2n ** 40n))] }, 'the length of the metadata "k" is 1099511627776'],
    ["an array of 2^63 strings", { entries: [entry("k", 9, arrayOf(8, 2n ** 63n))] }, 'number of elements of "k"'],
    ["an array of 2^62 u64", { entries: [entry("k", 9, arrayOf(10, 2n ** 62n))] }, 'number of elements of "k"'],
    ["an unknown value type", { entries: [entry("k", 13, u32(1))] }, "value type 13"],
    ["an array of an unknown type", { entries: [entry("k", 9, arrayOf(99, 0))] }, "value type 99"],
    ["arrays in arrays without end", { entries: [entry("k", 9, join(Array.from({ length: 9 }, () => arrayOf(9, 1))))] }, "deeper than 4"],
    ["a flag that is 2", { entries: [entry("k", 7, Uint8Array.of(2))] }, "must be true or false"],
    ["a key that is not UTF-8", { entries: [join([text(Uint8Array.of(0xff)), u32(4), u32(1)])] }, "not UTF-8"],
    ["a key twice", { entries: [entry("k", 4, u32(1)), entry("k", 4, u32(2))] }, 'key "k" twice'],
    ["a tensor twice", { tensors: [{}, { offset: 32 }], data: new Uint8Array(64) }, 'two tensors "x"'],
    ["a long tensor name", { tensors: [{ name: "é".repeat(33) }] }, "longer than 64 bytes"],
    ["five axes", { tensors: [{ dims: [1, 1, 1, 1, 2] }] }, "has 5 axes"],
    ["2^32 - 1 axes", { tensors: [{ rank: 2 ** 32 - 1 }] }, "4294967295 axes"],
    ["a size of 2^63", { tensors: [{ dims: [2n ** 63n] }] }, "too large for any file"],
    ["a size of 2^63 beside 0", { tensors: [{ dims: [2n ** 63n, 0] }] }, "sizes must be at least 1"],
    ["sizes whose product overflows", { tensors: [{ dims: [2n ** 32n, 2n ** 32n] }] }, "too large for any file"],
    ["a withdrawn type", { tensors: [{ type: 4 }] }, "type 4, which is unknown or was withdrawn"],
    ["rows that are no whole blocks", { tensors: [{ type: 8, dims: [33] }] }, "multiple of 32"],
    ["an offset off the alignment", { tensors: [{ offset: 4 }], data: new Uint8Array(64) }, "multiple of the alignment 32"],
    ["an offset past the end", { tensors: [{ offset: 32 }] }, "the file ends before"],
    ["an offset of 2^63", { tensors: [{ offset: 2n ** 63n }] }, "the file ends before"],
    ["an offset of 2^64 - 32", { tensors: [{ offset: 2n ** 64n - 32n }] }, "the file ends before"],
    ["data cut short", { data: new Uint8Array(7) }, "the file ends before"],
    ["overlapping tensors", { tensors: [{ dims: [9] }, { name: "y", offset: 32 }], data: new Uint8Array(64) }, 'the tensors "x" and "y" overlap'],
    ["an alignment of 0", { entries: [aligned(0)] }, "power of two"],
    ["an alignment of 24", { entries: [aligned(24)] }, "power of two"],
    ["an alignment of 2^31", { entries: [aligned(2 ** 31)] }, "the file ends before"],
    ["an alignment of the wrong type", { entries: [entry("general.alignment", 5, u32(32))] }, "must be a u32"],
  ];

  it.each(cases)("%s is a CheckpointError that says so", async (_name, lies, message) => {
    const error = await GgufFile.fromBytes(ggufBytes(lies)).catch((reason: unknown) => reason);
    expect(isMoekitError(error, "checkpoint")).toBe(true);
    expect((error as Error).message).toContain(message);
  });

  it("the same file without a lie opens, also as version 2 and with another alignment", async () => {
    for (const truth of [{}, { version: 2 }, { entries: [aligned(64)], alignment: 64 }]) expect([...(await (await GgufFile.fromBytes(ggufBytes(truth))).readRows("x"))]).toEqual([1, 2]);
  });

  it("every cut of a file is a CheckpointError", async () => {
    for (let length = 0; length < 1872; length += 7) await expect(GgufFile.fromBytes(golden.subarray(0, length)), String(length)).rejects.toSatisfy((error) => isMoekitError(error, "checkpoint"));
  });

  it("a file of a million empty strings takes less than a second", async () => {
    const count = 1_000_000;
    const head = entry("k", 9, arrayOf(8, count));
    const bytes = new Uint8Array(24 + head.length + count * 8);
    bytes.set(join([u32(0x46554747), u32(3), u64(0), u64(1), head]));
    const start = performance.now();
    expect((await GgufFile.fromBytes(bytes)).metadata.texts("k").length).toBe(count);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it("20,000 mutated files either read within their bounds or are CheckpointErrors", async () => {
    const at = fc.nat(golden.length - 1);
    const extreme = fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n).map(u64);
    const word = fc.oneof(extreme, fc.uint8Array({ minLength: 1, maxLength: 8 }));
    const changed = fc.array(fc.tuple(at, word), { minLength: 1, maxLength: 3 }).map((changes) => {
      const bytes = golden.slice();
      for (const [position, value] of changes) bytes.set(value.subarray(0, bytes.length - position), position);
      return bytes;
    });
    const cut = at.map((length) => golden.slice(0, length));
    const removed = fc.tuple(at, fc.integer({ min: 1, max: 40 })).map(([from, count]) => join([golden.subarray(0, from), golden.subarray(from + count)]));
    const noise = fc.tuple(fc.uint8Array({ maxLength: 64 }), fc.nat(4), fc.nat(4)).map(([rest, tensors, keys]) => join([u32(0x46554747), u32(3), u64(tensors), u64(keys), rest]));
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 6, arbitrary: changed }, cut, removed, noise), async (bytes) => {
        const file = await GgufFile.fromBytes(bytes).catch((error: unknown) => {
          if (!isMoekitError(error, "checkpoint")) throw error;
        });
        for (const [name, { type, begin, end }] of file?.tensors ?? []) {
          expect(begin <= end && end <= bytes.length).toBe(true);
          if (type === "f32" || formatOf(type)) await file!.readRows(name);
        }
      }),
      { numRuns: 20_000, seed: 1 },
    );
  });
});

it("of a tensor of 8 GB, the header and the wanted row are all that is read", async () => {
  const folder = await mkdtemp(joinPath(tmpdir(), "moekit-gguf-"));
  const path = joinPath(folder, "large.gguf");
  const [rows, columns] = [2 ** 20, 2048];
  const head = ggufBytes({ tensors: [{ dims: [columns, rows] }], data: new Uint8Array(0) });
  await writeFile(path, head);
  // The rest is a hole that takes no space.
  await truncate(path, head.length + rows * columns * 4);
  const file = await GgufFile.open(path);
  const before = process.memoryUsage().arrayBuffers;
  const row = await file.readRows("x", rows - 1, rows);
  expect([row.length, row.every((value) => value === 0)]).toEqual([columns, true]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
  await file.close();
  await rm(folder, { recursive: true });
});
