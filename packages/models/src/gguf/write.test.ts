import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMoekitError } from "@moekit/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatOf } from "./formats.js";
import { GgufFile } from "./gguf-file.js";
import type { GgufValue } from "./metadata.js";
import { writeGguf, type GgufTensorSource } from "./write.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-gguf-"));
});
afterAll(() => rm(folder, { recursive: true }));

const source = (type: GgufTensorSource["type"], shape: number[], ...pieces: (Float32Array | Uint8Array)[]): GgufTensorSource => ({
  type,
  shape,
  async *values() {
    yield* pieces;
  },
});
const golden = new URL("../../fixtures/gguf/golden.gguf", import.meta.url);

describe("writeGguf", () => {
  it("copies a file of gguf-py byte for byte", async () => {
    const bytes = new Uint8Array(await readFile(golden));
    const file = await GgufFile.fromBytes(bytes);
    const tensors = new Map([...file.tensors].map(([name, { type, shape }]) => [name, { type, shape, values: async function* () { yield await file.readBytes(name); } }]));
    const path = join(folder, "copy.gguf");
    await writeGguf(path, { metadata: file.metadata, tensors });
    expect(Buffer.compare(await readFile(path), bytes)).toBe(0);
  });

  it("packs floats as gguf-py does", async () => {
    const file = await GgufFile.fromBytes(new Uint8Array(await readFile(golden)));
    const x = Float32Array.from({ length: 128 }, (_, i) => (((37 * i) % 101) - 50) / 32);
    const types = ["bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1"] as const;
    const path = join(folder, "packed.gguf");
    await writeGguf(path, { metadata: new Map(), tensors: new Map(types.map((type) => [type, source(type, [2, 64], x.subarray(0, 64), x.subarray(64))])) });
    const written = await GgufFile.open(path);
    for (const type of types) expect(await written.readBytes(type), type).toEqual(await file.readBytes(type));
    await written.close();
  });

  it("metadata of all kinds comes back as it was", async () => {
    const path = join(folder, "metadata.gguf");
    const integers = { u8: [0, 255], i8: [-128, 127], u16: [0, 65535], i16: [-32768, 32767], u32: [0, 2 ** 32 - 1], i32: [-(2 ** 31), 2 ** 31 - 1] } as const;
    const scalars = Object.entries(integers).map(([type, [min, max]]) => fc.integer({ min, max }).map((value) => ({ type, value }) as GgufValue));
    const scalar: fc.Arbitrary<GgufValue> = fc.oneof(
      ...scalars,
      fc.string({ unit: "binary" }).map((value) => ({ type: "string", value }) as const),
      fc.boolean().map((value) => ({ type: "bool", value }) as const),
      fc.float().map((value) => ({ type: "f32", value }) as const),
      fc.double().map((value) => ({ type: "f64", value }) as const),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }).map((value) => ({ type: "u64", value }) as const),
      fc.maxSafeInteger().map((value) => ({ type: "i64", value }) as const),
      fc.array(fc.string({ unit: "binary" })).map((value) => ({ type: "array", of: "string", value }) as const),
      fc.float32Array().map((value) => ({ type: "array", of: "f32", value }) as const),
      fc.bigInt64Array().map((value) => ({ type: "array", of: "i64", value }) as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string({ unit: "binary" }).filter((key) => key !== "general.alignment"), scalar, { noNullPrototype: true }), async (entries) => {
        const metadata = new Map(Object.entries(entries));
        await writeGguf(path, { metadata, tensors: new Map() });
        const file = await GgufFile.open(path);
        expect([...file.metadata]).toEqual([...metadata]);
        await file.close();
      }),
      { numRuns: 100, seed: 4 },
    );
  });

  it.each(["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_K", "q5_K", "q6_K", "mxfp4", "q2_K", "q3_K", "iq4_nl", "iq4_xs"] as const)("%s comes back as the format decodes it", async (type) => {
    const values = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i * i));
    const path = join(folder, `${type}.gguf`);
    await writeGguf(path, { metadata: new Map(), tensors: new Map([["x", source(type, [2, 256], values)], ["y", source("f32", [1], new Float32Array([7]))]]) });
    const file = await GgufFile.open(path);
    const packed = type === "f32" ? undefined : await file.readPacked("x");
    const decoded = new Float32Array(512);
    if (packed) formatOf(type)!.decode(packed.bytes, decoded);
    expect(await file.readRows("x")).toEqual(packed ? decoded : values);
    expect(await file.readRows("x", 1)).toEqual((packed ? decoded : values).subarray(256));
    expect([...(await file.readRows("y"))]).toEqual([7]);
    await file.close();
  });

  const one = new Float32Array(1);
  const bad: [string, () => { metadata?: Map<string, GgufValue>; tensors?: Map<string, GgufTensorSource> }, string][] = [
    ["a u8 of 256", () => ({ metadata: new Map([["k", { type: "u8", value: 256 }]]) }), '"k" must be u8; got 256'],
    ["a u32 of 0.5", () => ({ metadata: new Map([["k", { type: "u32", value: 0.5 }]]) }), '"k" must be u32; got 0.5'],
    ["a string that is a number", () => ({ metadata: new Map([["k", { type: "string", value: 1 }]]) }), '"k" must be string; got 1'],
    ["a name of 64 bytes", () => ({ tensors: new Map([["n".repeat(64), source("f32", [1], one)]]) }), "shorter than 64 bytes"],
    ["five axes", () => ({ tensors: new Map([["x", source("f32", [1, 1, 1, 1, 1], one)]]) }), "one to four axes"],
    ["rows that are no blocks", () => ({ tensors: new Map([["x", source("q4_K", [1, 128], new Float32Array(128))]]) }), "multiple of 256"],
    ["too few values", () => ({ tensors: new Map([["x", source("f32", [2], one)]]) }), "takes 8 bytes; its values gave 4"],
    ["a NaN in blocks", () => ({ tensors: new Map([["x", source("q8_0", [32], new Float32Array(32).fill(NaN))]]) }), "has the value NaN"],
    ["a type that is not packed here", () => ({ tensors: new Map([["x", source("iq3_s", [256], new Float32Array(256))]]) }), "cannot be packed as iq3_s"],
  ];
  it.each(bad)("refuses %s and leaves nothing behind", async (_name, content, message) => {
    const path = join(folder, "bad.gguf");
    const error = await writeGguf(path, { metadata: new Map(), tensors: new Map(), ...content() }).catch((reason: unknown) => reason);
    expect(isMoekitError(error, "checkpoint")).toBe(true);
    expect((error as Error).message).toContain(message);
    expect(existsSync(path) || existsSync(`${path}.partial`)).toBe(false);
  });
});
