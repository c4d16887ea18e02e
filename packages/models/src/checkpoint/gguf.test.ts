/** A .gguf file loads as the folder that it was made from. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeParameters } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportGguf } from "../gguf/export-gguf.js";
import { ggufFamilies } from "../gguf/families/index.js";
import { scoreModel } from "../scoring/score.js";
import { FAMILIES, fixtureFolder, useBackend } from "../testing/fixtures.js";
import { loadConfig, loadModel } from "./load-model.js";
import { openCheckpoint } from "./open-checkpoint.js";

describe("loadModel of a .gguf file", () => {
  let folder: string;
  beforeAll(async () => {
    await useBackend("cpu");
    folder = await mkdtemp(join(tmpdir(), "moekit-gguf-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function scoresOf(path: string) {
    const model = await loadModel(path);
    const scores = await scoreModel(model, [[5, 9, 3, 7, 11, 2]]);
    disposeParameters(model);
    return scores;
  }

  // The llama4_text of the fixtures has chunks and layers without positions that GGUF cannot say; export-gguf.test.ts has it with usual ones.
  it.each(FAMILIES.filter((family) => ggufFamilies().includes(family) && family !== "llama4_text"))("%s gives the same bits as its folder", async (family) => {
    const [source, path] = [await openCheckpoint(fixtureFolder(family)), join(folder, `${family}.gguf`)];
    await exportGguf(source, path);
    await source.weights.close();
    expect((await loadConfig(path)).layers).toEqual((await loadConfig(fixtureFolder(family))).layers);
    const [want, got] = [await scoresOf(fixtureFolder(family)), await scoresOf(path)];
    for (const name of Object.keys(want).filter((key) => key !== "loss")) expect(got[name], name).toEqual(want[name]);
  });
});
