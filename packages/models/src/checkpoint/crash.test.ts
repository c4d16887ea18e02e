/** A crash at every single step of saving, played by a file system that fails from that step on. */
import type * as FileSystem from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeParameters } from "@moekit/core";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { useBackend } from "../testing/fixtures.js";
import { modelOf, valuesIn } from "../testing/numbered-model.js";
import { saveModel } from "./save-model.js";
import type { SaveOptions } from "./save-tensors.js";

const disk = vi.hoisted(() => ({ stepsLeft: Infinity }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof FileSystem>();
  const guarded = <A extends unknown[], R>(operation: (...args: A) => Promise<R>) => async (...args: A) => {
    if (disk.stepsLeft-- <= 0) throw new Error("crash");
    return operation(...args);
  };
  return { ...real, open: guarded(real.open), rename: guarded(real.rename), rm: guarded(real.rm), mkdir: guarded(real.mkdir), readdir: guarded(real.readdir) };
});

describe("a crash while saving over an older checkpoint", () => {
  beforeAll(() => useBackend("cpu"));
  const single: SaveOptions = {};
  const sharded: SaveOptions = { maxShardBytes: 300 };
  it.each([
    ["one file over one", single, single],
    ["shards over one file", single, sharded],
    ["one file over shards", sharded, single],
    ["shards over shards", sharded, sharded],
  ])("%s leaves the old one, the new one, or one that does not load", async (_name, before, after) => {
    const [old, next] = [modelOf(1), modelOf(2)];
    const outcomes: string[] = [];
    for (let steps = 0; !outcomes.includes("done"); steps++) {
      const folder = await mkdtemp(join(tmpdir(), "moekit-crash-"));
      await saveModel(old, folder, before);
      disk.stepsLeft = steps;
      const error = await saveModel(next, folder, after).catch((reason: Error) => reason);
      disk.stepsLeft = Infinity;
      expect(error?.message ?? "crash").toBe("crash");
      const values = await valuesIn(folder);
      expect(["refused", [1], [2]], `after ${steps} steps`).toContainEqual(values);
      outcomes.push(error ? String(values) : "done");
      // What a crash left behind must not disturb the next save.
      await saveModel(next, folder, after);
      expect(await valuesIn(folder)).toEqual([2]);
      await rm(folder, { recursive: true });
    }
    expect(outcomes[0]).toBe("1");
    expect(outcomes).toContain("refused");
    expect(outcomes.length).toBeGreaterThan(8);
    disposeParameters(old);
    disposeParameters(next);
  });
});
