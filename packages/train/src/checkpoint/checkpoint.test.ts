import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { isMoekitError } from "@moekit/core";
import { bundle } from "@moekit/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loopSnapshot } from "../testing/loop-snapshot.js";
import { latestCheckpoint, listCheckpoints, stepOf } from "./folders.js";
import { readTrainerState, readVariables } from "./read-checkpoint.js";
import { writeCheckpoint } from "./write-checkpoint.js";

let dir: string;
beforeEach(async () => {
  await tf.setBackend("cpu");
  dir = await mkdtemp(join(tmpdir(), "moekit-checkpoint-"));
});
afterEach(async () => {
  tf.disposeVariables();
  await rm(dir, { recursive: true, force: true });
});

const steps = async () => (await listCheckpoints(dir)).map(stepOf);

describe("writeCheckpoint and reading it back", () => {
  it("restores every tensor and fact", async () => {
    const path = await writeCheckpoint(dir, loopSnapshot(7), 2);
    const target = loopSnapshot(0);
    const state = await readTrainerState(path);
    await readVariables(path, target);
    expect(state).toEqual(loopSnapshot(7).trainer);
    for (const variable of Object.values({ ...target.model, ...target.optimizer, ...target.controllers })) expect(variable.dataSync().every((value) => value === 7)).toBe(true);
  });

  it("keeps the newest ones and drops those of a branch given up", async () => {
    for (const step of [100, 200, 300]) await writeCheckpoint(dir, loopSnapshot(step), 2);
    expect(await steps()).toEqual([200, 300]);
    await writeCheckpoint(dir, loopSnapshot(250), 2);
    expect(await steps()).toEqual([200, 250]);
  });

  it("replaces a checkpoint of the same step and leaves nothing else behind", async () => {
    await writeCheckpoint(dir, loopSnapshot(5), 2);
    await writeCheckpoint(dir, loopSnapshot(5), 2);
    expect(await readdir(dir)).toEqual(["step-000005"]);
  });

  it("removes what an interrupted writer left", async () => {
    const path = await writeCheckpoint(dir, loopSnapshot(1), 2);
    await rename(path, join(dir, ".writing-step-000001"));
    await writeCheckpoint(dir, loopSnapshot(2), 2);
    expect(await readdir(dir)).toEqual(["step-000002"]);
  });

  it("leaks no tensor", async () => {
    const snapshot = loopSnapshot(1);
    const before = tf.memory().numTensors;
    await readVariables(await writeCheckpoint(dir, snapshot, 2), snapshot);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("says that a folder holds no checkpoint", async () => {
    await expect(latestCheckpoint(dir)).rejects.toThrow(/holds no checkpoint/);
    await expect(latestCheckpoint(join(dir, "nowhere"))).rejects.toThrow(/holds no checkpoint/);
  });
});

describe("a damaged checkpoint is refused with the name of the file", () => {
  const FILES = ["model.safetensors", "optimizer.safetensors", "controllers.safetensors", "trainer.json", "manifest.json"];

  it.each(FILES)("when %s is truncated", async (name) => {
    const path = await writeCheckpoint(dir, loopSnapshot(1), 2);
    await truncate(join(path, name), 60);
    await expectRefusal(path, name);
  });

  it.each(FILES)("when %s is missing", async (name) => {
    const path = await writeCheckpoint(dir, loopSnapshot(1), 2);
    await rm(join(path, name));
    await expectRefusal(path, name);
  });

  it.each(FILES.slice(0, 4))("when one bit of %s is flipped", async (name) => {
    const path = await writeCheckpoint(dir, loopSnapshot(1), 2);
    const bytes = await readFile(join(path, name));
    bytes[bytes.length >> 1]! ^= 4;
    await writeFile(join(path, name), bytes);
    await expectRefusal(path, name);
  });

  it("and when the manifest does not list a file that is needed", async () => {
    const path = await writeCheckpoint(dir, loopSnapshot(1), 2);
    await writeFile(join(path, "manifest.json"), '{"files":{}}');
    await expect(readTrainerState(path)).rejects.toThrow(/manifest\.json does not list model\.safetensors/);
  });

  async function expectRefusal(path: string, name: string): Promise<void> {
    const error = await readTrainerState(path).catch((thrown: unknown) => thrown);
    expect(isMoekitError(error, "checkpoint")).toBe(true);
    expect((error as Error).message).toContain(name);
  }
});

describe("tensors that do not fit", () => {
  it("are all named, and nothing is changed", async () => {
    const path = await writeCheckpoint(dir, loopSnapshot(3), 2);
    const { model, optimizer, controllers } = loopSnapshot(0);
    const wrong = { model, controllers, optimizer: { "m.a": optimizer["m.a"]!, "v.b": tf.variable(tf.zeros([2])) } };
    await expect(readVariables(path, wrong)).rejects.toThrow(/optimizer\.safetensors does not fit this run\. Missing: v\.b\. Unexpected: v\.a\./);
    expect(model.a!.dataSync()[0]).toBe(0);
  });
});

describe("kill -9 while checkpoints are written", () => {
  let loop: string;
  beforeAll(async () => void (loop = await bundle(new URL("../../", import.meta.url), "src/testing/checkpoint-loop.ts")));
  afterAll(() => rm(dirname(loop), { recursive: true, force: true }));

  it("leaves only checkpoints that load completely, whenever it strikes", async () => {
    let last = 0;
    for (const delay of [5, 17, 40, 64, 101]) {
      await writeUntilKilled(last + 1, delay);
      const found = await listCheckpoints(dir);
      for (const path of found) await expectWhole(path);
      last = found.length > 0 ? stepOf(found.at(-1)!)! : last;
    }
    expect(last).toBeGreaterThan(5);
  });

  /** Kills the writer some milliseconds after its second checkpoint of this life. */
  async function writeUntilKilled(first: number, delay: number): Promise<void> {
    const child = spawn(process.execPath, [loop, dir, String(first)], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    while (!(await steps()).includes(first + 1)) await new Promise((resolve) => setTimeout(resolve, 2));
    await new Promise((resolve) => setTimeout(resolve, delay));
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async function expectWhole(path: string): Promise<void> {
    const target = loopSnapshot(0);
    const { step } = await readTrainerState(path);
    await readVariables(path, target);
    expect(step).toBe(stepOf(path));
    for (const variable of Object.values({ ...target.model, ...target.optimizer, ...target.controllers })) expect(variable.dataSync().every((value) => value === step)).toBe(true);
  }
});
