/** The command line as a process: what a shell sees. Built from the sources, so that no build has to come before. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonLines } from "./testing/fake-terminal.js";
import { tinyConfig } from "./testing/tiny-run.js";

const source = fileURLToPath(new URL("cli.ts", import.meta.url));
/** Beside the package's own modules, so that the bundle finds its dependencies. */
const bundle = fileURLToPath(new URL("../node_modules/.cli-test", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-cli-"));
  await build({ entry: [source], outDir: bundle, format: ["esm"], config: false, silent: true, dts: false, noExternal: [/^@moekit\//], esbuildOptions: (options) => void (options.conditions = ["@moekit/source"]) });
});
afterAll(() => Promise.all([folder, bundle].map((path) => rm(path, { recursive: true }))));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly notes: string;
}

function moekit(args: readonly string[], onOutput: (out: string, child: ChildProcess) => void = () => {}): Promise<Ended> {
  const child = spawn(process.execPath, [join(bundle, "cli.js"), ...args], { cwd: folder });
  let [out, notes] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => onOutput((out += text), child));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (notes += text));
  return new Promise((resolve, reject) => child.on("error", reject).on("close", (code) => resolve({ code, out, notes })));
}

describe("the moekit process", () => {
  it.each([
    [["--help"], 0],
    [["trian"], 2],
    [["inspect", "nowhere"], 1],
  ])("%j ends with code %d", async (args, code) => {
    expect((await moekit(args)).code).toBe(code);
  });

  it("saves and ends with code 130 on SIGINT, and goes on from there", async () => {
    const config = await tinyConfig(folder, { steps: 400, checkpointEvery: 400, evaluateEvery: 400 });
    const once = onceAfter((out) => out.includes('"step":5,'), (child) => child.kill("SIGINT"));
    const stopped = await moekit(["train", config, "--json"], once);
    expect(stopped.code).toBe(130);
    expect(stopped.notes).toContain("stopping after this step");
    const { step } = jsonLines(stopped.out).at(-1) as { step: number };
    expect(step).toBeLessThan(400);
    expect(await readdir(join(folder, "runs", "tiny", "checkpoints"))).toEqual([`step-${String(step).padStart(6, "0")}`]);
    const again = await moekit(["train", config, "--json", "--resume"], onceAfter((out) => out.includes(`"step":${step + 2},`), (child) => child.kill("SIGINT")));
    expect(jsonLines(again.out).find(({ kind }) => kind === "plan")).toMatchObject({ from: step });
    expect(again.code).toBe(130);
  });
});

/** Calls `action` the first time that the output fulfils a condition. */
function onceAfter(holds: (out: string) => boolean, action: (child: ChildProcess) => void): (out: string, child: ChildProcess) => void {
  let done = false;
  return (out, child) => {
    if (done || !holds(out)) return;
    done = true;
    action(child);
  };
}
