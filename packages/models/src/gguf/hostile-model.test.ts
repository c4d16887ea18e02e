import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMoekitError } from "@moekit/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { openWeights } from "../safetensors/sharded.js";
import { fixtureFolder, fixtureJson } from "../testing/fixtures.js";
import { exportGguf } from "./export-gguf.js";
import { GgufFile } from "./gguf-file.js";
import type { GgufValue } from "./metadata.js";
import { modelInGguf } from "./open-gguf.js";
import { writeGguf } from "./write.js";

/** A model whose settings and shapes were changed; the file itself is sound. */
async function opened(bytes: Uint8Array): Promise<"read" | "refused"> {
  try {
    const { weights } = await modelInGguf(await GgufFile.fromBytes(bytes));
    for (const [name, { shape }] of [...weights.tensors].slice(0, 40)) expect((await weights.read(name)).data.length).toBe(shape.reduce((a, b) => a * b, 1));
    return "read";
  } catch (error) {
    if (isMoekitError(error, "checkpoint") || isMoekitError(error, "config")) return "refused";
    throw error;
  }
}

it.each(["mixtral_window_linear", "deepseek_v3"])("models like %s with settings changed at random are read or refused, and nothing else", async (name) => {
  const folder = await mkdtemp(join(tmpdir(), "moekit-hostile-"));
  const weights = await openWeights(fixtureFolder(name));
  const path = join(folder, "model.gguf");
  await exportGguf({ config: fixtureJson(name, "config.json"), weights }, path);
  await weights.close();
  const original = new Uint8Array(await readFile(path));
  const file = await GgufFile.fromBytes(original);
  expect(await opened(original)).toBe("read");
  const keys = [...file.metadata.keys()];
  const value: fc.Arbitrary<GgufValue> = fc.oneof(
    fc.constantFrom(0, 1, 3, 7, 2 ** 16, 2 ** 31, 2 ** 32 - 1).map((u32) => ({ type: "u32", value: u32 }) as const),
    fc.constantFrom(0, -1, NaN, Infinity, 1e38).map((f32) => ({ type: "f32", value: f32 }) as const),
    fc.string().map((text) => ({ type: "string", value: text }) as const),
    fc.boolean().map((flag) => ({ type: "bool", value: flag }) as const),
  );
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.constantFrom(...keys), value, { minKeys: 1, maxKeys: 2, noNullPrototype: true }), async (changes) => {
      const metadata = new Map([...file.metadata, ...Object.entries(changes)]);
      metadata.delete("general.alignment");
      const tensors = new Map([...file.tensors].map(([tensor, { type, shape }]) => [tensor, { type, shape, values: async function* () { yield await file.readBytes(tensor); } }]));
      await writeGguf(path, { metadata, tensors });
      outcomes.add(await opened(new Uint8Array(await readFile(path))));
    }),
    { numRuns: 120, seed: 1 },
  );
  expect([...outcomes].sort()).toEqual(["read", "refused"]);
  await rm(folder, { recursive: true });
});
