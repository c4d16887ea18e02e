import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMoekitError, packMatrix } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/parse-config.js";
import { openWeights } from "../safetensors/sharded.js";
import { FAMILIES, fixtureFolder, fixtureJson, OPTIONS } from "../testing/fixtures.js";
import { ggufFamilies } from "./families/index.js";
import { exportGguf } from "./export-gguf.js";
import { formatOf } from "./formats.js";
import { GgufFile } from "./gguf-file.js";
import { openGguf } from "./open-gguf.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-gguf-"));
});
afterAll(() => rm(folder, { recursive: true }));

const checkpoint = async (name: string) => ({ config: fixtureJson<Record<string, unknown>>(name, "config.json"), weights: await openWeights(fixtureFolder(name)) });

/** Fixtures of the families that GGUF files can hold. */
const fixtures = [...FAMILIES, ...OPTIONS].filter((name) => ggufFamilies().includes(fixtureJson<{ model_type: string }>(name, "config.json").model_type));

describe.each(fixtures)("%s as a GGUF file", (name) => {
  it("comes back bit for bit, under the same names, and means the same", async () => {
    const { config, weights } = await checkpoint(name);
    const path = join(folder, `${name}.gguf`);
    await exportGguf({ config, weights }, path);
    const back = await openGguf(path);
    expect([...back.weights.tensors.keys()].sort()).toEqual([...weights.tensors.keys()].sort());
    for (const tensor of weights.tensors.keys()) expect(await back.weights.read(tensor), tensor).toEqual(await weights.read(tensor));
    const { source: _, auxLossCoefficient: __, ...meaning } = parseConfig(back.config) as ReturnType<typeof parseConfig> & { auxLossCoefficient?: number };
    const { source: ___, auxLossCoefficient: ____, ...wanted } = parseConfig(config) as typeof meaning & { source: unknown; auxLossCoefficient?: number };
    expect(meaning).toEqual(wanted);
    await Promise.all([back.weights.close(), weights.close()]);
  });
});
