import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isMoekitError } from "@moekit/core";
import { loadCorpus } from "./load-corpus.js";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "moekit-corpus-"))));
afterEach(() => rm(folder, { recursive: true }));
const write = (name: string, content: string | Uint8Array) => writeFile(join(folder, name), content);

const message = async (promise: Promise<unknown>): Promise<string> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  return isMoekitError(error, "data") ? error.message : `not a DataError: ${String(error)}`;
};

test("plain and gzipped text files become domains in the order of their names", async () => {
  await write("prose.txt", "Über Wale\n");
  await write("code.txt.gz", gzipSync("let x = 1;"));
  await write("README.md", "not a domain");
  expect(await loadCorpus(folder)).toEqual([
    { name: "code", documents: ["let x = 1;"] },
    { name: "prose", documents: ["Über Wale"] },
  ]);
});

test("form feeds separate documents, and empty documents are dropped", async () => {
  await write("a.txt", "one\n\f\ntwo\n\f\n \n\f");
  expect(await loadCorpus(folder)).toEqual([{ name: "a", documents: ["one", "two"] }]);
});

test("an empty folder, a missing folder and an empty domain are errors that name them", async () => {
  expect(await message(loadCorpus(folder))).toContain("the corpus is empty");
  expect(await message(loadCorpus(join(folder, "nowhere")))).toContain("ENOENT");
  await write("void.txt", " \f\n");
  expect(await message(loadCorpus(folder))).toBe("loadCorpus: void.txt holds no text.");
});

test("one domain in two files is an error", async () => {
  await write("a.txt", "x");
  await write("a.txt.gz", gzipSync("y"));
  expect(await message(loadCorpus(folder))).toContain('holds domain "a" as .txt and as .txt.gz');
});

test("bytes that are not UTF-8 and a truncated gzip file are errors", async () => {
  await write("latin.txt", Uint8Array.of(0x55, 0xfc));
  expect(await message(loadCorpus(folder))).toContain("latin.txt must be UTF-8 text");
  await rm(join(folder, "latin.txt"));
  await write("cut.txt.gz", gzipSync("some text that is cut").subarray(0, 20));
  expect(await message(loadCorpus(folder))).toContain("cut.txt.gz must be gzipped UTF-8 text");
});
