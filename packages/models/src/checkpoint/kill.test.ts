/** kill -9 of a real process while it saves. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { bundle } from "@moekit/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { useBackend } from "../testing/fixtures.js";
import { valuesIn } from "../testing/numbered-model.js";

let [script, folder] = ["", ""];
beforeAll(async () => {
  await useBackend("cpu");
  script = await bundle(new URL("../../", import.meta.url), "src/testing/save-loop.ts");
  folder = await mkdtemp(join(tmpdir(), "moekit-kill-"));
});
afterAll(async () => {
  for (const dir of [dirname(script), folder]) await rm(dir, { recursive: true, force: true });
});

it("leaves a whole checkpoint or one that does not load, whenever it strikes, and the next save works", async () => {
  let saved = 0;
  const outcomes: string[] = [];
  for (let strike = 0; strike < 12; strike++) {
    saved = await saveUntilKilled(saved + 1, 3 * strike);
    const values = await valuesIn(folder);
    // The last save that was reported, or the one in progress.
    expect(["refused", [saved], [saved + 1]], `strike ${strike}`).toContainEqual(values);
    outcomes.push(values === "refused" ? "refused" : "whole");
  }
  expect(outcomes).toContain("whole");
});

/** Kills the writer some milliseconds after its second save. @returns The last save that it reported. */
async function saveUntilKilled(first: number, delay: number): Promise<number> {
  const child = spawn(process.execPath, [script, folder, String(first)], { stdio: ["ignore", "pipe", "ignore"] });
  let last = first - 1;
  createInterface(child.stdout).on("line", (line) => {
    last = Number(line);
    if (last === first + 1) setTimeout(() => child.kill("SIGKILL"), delay);
  });
  await once(child, "close");
  return last;
}
