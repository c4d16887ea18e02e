import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMoekitError } from "@moekit/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GgufFile } from "./gguf-file.js";
import type { GgufValue } from "./metadata.js";
import { writeGguf } from "./write.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-split-"));
});
afterAll(() => rm(folder, { recursive: true }));

const path = (part: number, name = "model") => join(folder, `${name}-0000${part}-of-00003.gguf`);
const u16 = (value: number): GgufValue => ({ type: "u16", value });

/** Three parts, the first without tensors, as llama.cpp's splitter can write them. */
async function split(name: string, tensors: readonly (readonly string[])[], expected = tensors.flat().length): Promise<void> {
  for (const [part, names] of tensors.entries()) {
    const metadata = new Map<string, GgufValue>([["split.no", u16(part)], ["split.count", u16(3)], ["split.tensors.count", { type: "i32", value: expected }], ["part", u16(part)]]);
    const source = (value: number) => ({ type: "f32", shape: [2], values: async function* () { yield new Float32Array([value, part]); } }) as const;
    await writeGguf(path(part + 1, name), { metadata, tensors: new Map(names.map((one, i) => [one, source(i)])) });
  }
}

it("a model in three files is one, with the metadata of the first", async () => {
  await split("model", [[], ["a", "b"], ["c"]]);
  const file = await GgufFile.open(path(1));
  expect(file.metadata.count("part")).toBe(0);
  expect([...file.tensors.keys()]).toEqual(["a", "b", "c"]);
  expect([...(await file.readRows("a")), ...(await file.readRows("b")), ...(await file.readRows("c"))]).toEqual([0, 1, 1, 1, 0, 2]);
  await file.close();
});

it.each([
  ["another than the first part", async () => path(2), "this is part 2 of 3. Pass the first part"],
  ["a part under another name", async () => copyFile(path(1), join(folder, "renamed.gguf")).then(() => join(folder, "renamed.gguf")), "whose name ends in -00001-of-00003.gguf"],
  ["a missing part", async () => split("missing", [["a"], ["b"], ["c"]]).then(() => rm(path(3, "missing"))).then(() => path(1, "missing")), "cannot be opened"],
  ["parts in the wrong order", async () => split("order", [["a"], ["b"], ["c"]]).then(() => copyFile(path(3, "order"), path(2, "order"))).then(() => path(1, "order")), "part 3 of 3; 2 of 3 is expected"],
  ["the same tensor in two parts", async () => split("twice", [["a"], ["b"], ["a"]]).then(() => path(1, "twice")), 'two parts have the tensor "a"'],
  ["fewer tensors than promised", async () => split("fewer", [["a"], ["b"], ["c"]], 4).then(() => path(1, "fewer")), "have 3 tensors; 4 are expected"],
  ["a damaged part", async () => split("damaged", [["a"], ["b"], ["c"]]).then(() => writeFile(path(3, "damaged"), "GGUF")).then(() => path(1, "damaged")), "truncated"],
])("%s is a CheckpointError that says so", async (_name, prepare, message) => {
  const error = await GgufFile.open(await prepare()).catch((reason: unknown) => reason);
  expect(isMoekitError(error, "checkpoint")).toBe(true);
  expect((error as Error).message).toContain(message);
});
