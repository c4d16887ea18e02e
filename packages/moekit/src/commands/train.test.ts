import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { Tokenizer } from "@huggingface/tokenizers";
import { bpeFromJson } from "@moekit/data";
import type { StepMetrics } from "@moekit/train";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonLines, moekit } from "../testing/fake-terminal.js";
import { tinyConfig } from "../testing/tiny-run.js";

let folder: string;
let config: string;
/** An uninterrupted run. */
let full: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-train-"));
  config = await tinyConfig(folder);
  full = join(folder, "full");
  expect((await moekit(["train", config, "--out", full, "--json"])).code).toBe(0);
});
afterAll(() => rm(folder, { recursive: true }));

/** Loss of each step; JSON keeps every bit of a number. */
async function losses(run: string): Promise<[step: number, loss: number][]> {
  const records = jsonLines<StepMetrics>(await readFile(join(run, "metrics.jsonl"), "utf8"));
  return records.filter(({ kind }) => kind === "step").map(({ step, loss }) => [step, loss]);
}

describe("moekit train", () => {
  it("writes a Hugging Face checkpoint, metrics, checkpoints and a report, and frees all tensors", async () => {
    expect((await readdir(full)).sort()).toEqual(["checkpoints", "config.json", "metrics.jsonl", "model.safetensors", "report.html", "report.json", "run.json", "tokenizer.json"]);
    expect(await readdir(join(full, "checkpoints"))).toEqual(["step-000004", "step-000006"]);
    const { model_type, vocab_size, eos_token_id } = JSON.parse(await readFile(join(full, "config.json"), "utf8")) as Record<string, unknown>;
    expect({ model_type, vocab_size, eos_token_id }).toEqual({ model_type: "qwen3_moe", vocab_size: 300, eos_token_id: 0 });
    const before = tf.memory().numTensors;
    await moekit(["train", config, "--out", join(folder, "again")]);
    expect(tf.memory().numTensors).toBe(before);
    expect(await losses(join(folder, "again"))).toEqual(await losses(full));
  });

  it("learns, and reports what it found as JSON lines", async () => {
    const { out } = await moekit(["train", config, "--out", join(folder, "json"), "--json"]);
    const events = jsonLines(out);
    expect(events.map(({ kind }) => kind)).toEqual(["backend", "data", "baseline", "plan", "step", "step", "checkpoint", "step", "step", "checkpoint", "step", "step", "eval", "checkpoint", "trained", "report", "result"]);
    expect(events[0]).toMatchObject({ backend: { name: "cpu" } });
    expect(events[1]).toMatchObject({ vocabSize: 300, domains: [{ domain: "sea" }, { domain: "code" }] });
    const [first, last] = [events[4]!.lmLoss as number, events[11]!.lmLoss as number];
    expect(first).toBeCloseTo(Math.log(300), 1);
    expect(last).toBeLessThan(first - 0.05);
    expect(events.at(-1)).toMatchObject({ step: 6, stopped: "finished", samples: [{ prompt: expect.any(String) as string }, {}], evaluation: { mean: { bitsPerByte: expect.any(Number) as number } } });
  });

  it("its tokenizer.json gives the same ids in Hugging Face's tokenizers", async () => {
    const json = JSON.parse(await readFile(join(full, "tokenizer.json"), "utf8")) as Parameters<typeof bpeFromJson>[0];
    const text = "The whale sang; const wave7 = 3; äöü 🐋\n\n\tend";
    expect(bpeFromJson(json).encode(text)).toEqual(new Tokenizer(json, {}).encode(text).ids);
  });

  it("draws every part of the report and puts the run's numbers in report.json", async () => {
    const html = await readFile(join(full, "report.html"), "utf8");
    const report = JSON.parse(await readFile(join(full, "report.json"), "utf8")) as { steps: unknown[]; baselines: { name: string }[]; routing: { domains: string[]; layers: unknown[] }; texts: { title: string }[] };
    expect(html).toContain("<svg");
    expect(html).not.toMatch(/(src|href)="https?:/);
    expect(report.steps.length).toBe(6);
    expect(report.baselines.map(({ name }) => name)).toEqual(["2-gram"]);
    expect(report.routing).toMatchObject({ domains: ["sea", "code"], layers: [{}, {}] });
    expect(report.texts.map(({ title }) => title)).toEqual(["sea", "code"]);
  });

  it("Ctrl-C leaves a checkpoint that goes on with the losses of an uninterrupted run", async () => {
    const out = join(folder, "interrupted");
    const stopped = await moekit(["train", config, "--out", out, "--json"], (text, pressCtrlC) => text.startsWith('{"kind":"step","step":3,') && pressCtrlC());
    expect(stopped.code).toBe(130);
    expect(jsonLines(stopped.out).at(-1)).toMatchObject({ kind: "result", stopped: "aborted", step: 3 });
    expect(await readdir(join(out, "checkpoints"))).toContain("step-000003");
    expect((await moekit(["generate", out, "--prompt", "The", "--max-tokens", "2", "--backend", "cpu"])).code).toBe(0);
    expect((await moekit(["train", config, "--out", out, "--resume"])).code).toBe(0);
    expect(await losses(out)).toEqual(await losses(full));
    const [ours, theirs] = await Promise.all([out, full].map((run) => readFile(join(run, "model.safetensors"))));
    expect(ours!.equals(theirs!)).toBe(true);
  });

  it("run.json is a config that goes on with the run, wherever the folder is called from", async () => {
    const out = join(folder, "through-run-json");
    await moekit(["train", config, "--out", out], (text, pressCtrlC) => text.startsWith("checkpoint") && pressCtrlC());
    const resumed = await moekit(["train", join(out, "run.json"), "--resume"]);
    expect(resumed).toMatchObject({ code: 0, notes: "" });
    expect(await losses(out)).toEqual(await losses(full));
  });

  it("with minutes the number of steps follows from the measured speed, and is kept for resuming", async () => {
    const timed = await tinyConfig(join(folder, "timed"), { steps: undefined, minutes: 0.01 });
    const { out, code } = await moekit(["train", timed, "--out", join(folder, "timed-run"), "--json"]);
    expect(code).toBe(0);
    const plan = jsonLines(out).find(({ kind }) => kind === "plan") as { steps: number; secondsPerStep: number };
    expect(plan.steps).toBeGreaterThanOrEqual(1);
    expect(plan.steps * plan.secondsPerStep).toBeLessThanOrEqual(Math.max(0.6, plan.secondsPerStep));
    const kept = JSON.parse(await readFile(join(folder, "timed-run", "run.json"), "utf8")) as { training: { steps: number; minutes?: number } };
    expect([kept.training.steps, kept.training.minutes]).toEqual([plan.steps, undefined]);
  });

  it("prints plain lines where there is no terminal, and the results with what to do next", async () => {
    const { out } = await moekit(["train", config, "--out", join(folder, "lines")]);
    expect(out).toMatch(/^backend +cpu/);
    expect(out).toMatch(/baseline +Kneser-Ney 2-gram: \d\.\d{3} bits per byte/);
    expect(out).toMatch(/step 6\/6 {2}loss \d\.\d{3} {2}[\d,]+ tokens\/s {2}MaxVio \d\.\d\d {2}ETA 0\.0 s/);
    expect(out).toMatch(/held-out bits per byte +model +2-gram\n.*\nsea +\d/);
    expect(out).toMatch(/npx moekit inspect .*lines --text/);
    expect(out).not.toContain("\x1b");
  });

  it("trains Muon with the loss-free bias, weights and accumulation", async () => {
    const file = await tinyConfig(
      join(folder, "muon"),
      { steps: 2, accumulate: 2, optimizer: { name: "muon", scaling: "moonlight" }, schedule: { name: "wsd", peak: 1e-2 }, balancing: [{ name: "globalBatchLoss" }], lossFreeBias: { speed: 0.01 } },
      { router: { name: "sigmoid" }, data: { domains: { sea: { path: "sea.txt", weight: 3 }, code: { path: "code", weight: 1 } }, tokenizer: { vocabSize: 300 } } },
    );
    const { code, notes } = await moekit(["train", file, "--out", join(folder, "muon-run")]);
    expect({ code, notes }).toEqual({ code: 0, notes: "" });
    expect(JSON.parse(await readFile(join(folder, "muon-run", "config.json"), "utf8"))).toMatchObject({ model_type: "moekit_qwen3_moe", moekit_router: { name: "sigmoid" } });
  });
});

describe("moekit train refuses", () => {
  it("a config with wrong fields, naming each, with exit code 2", async () => {
    const file = join(folder, "wrong.json");
    await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(config, "utf8")) as object), seeed: 1, training: {} }));
    const { code, notes, out } = await moekit(["train", file, "--json"]);
    expect(code).toBe(2);
    expect(notes).toMatch(/^moekit train: .*wrong\.json: \d problems\n/);
    for (const path of ["seeed", "training.batchSize", "training.optimizer", "training.schedule"]) expect(notes).toContain(`\n  ${path}: `);
    expect(JSON.parse(out)).toMatchObject({ kind: "error", error: { kind: "config" } });
  });

  it("a folder that already holds a run, and resuming where there is none", async () => {
    const taken = await moekit(["train", config, "--out", full]);
    expect(taken).toMatchObject({ code: 2, notes: expect.stringContaining("already holds a run with 2 checkpoints") as string });
    const empty = await moekit(["train", config, "--out", join(folder, "empty"), "--resume"]);
    expect(empty).toMatchObject({ code: 1, notes: expect.stringContaining("holds no checkpoint to resume from") as string });
  });

  it("text that is missing, empty or not UTF-8, with exit code 1", async () => {
    const other = join(folder, "bad-text");
    const file = await tinyConfig(other);
    for (const [content, message] of [[Buffer.from(" \n"), "holds no text"], [Buffer.from([0xff, 0xfe, 0x41]), "UTF-8"], [undefined, "ENOENT"]] as const) {
      await rm(join(other, "sea.txt"), { force: true });
      if (content) await writeFile(join(other, "sea.txt"), content);
      const { code, notes } = await moekit(["train", file, "--out", join(other, "run")]);
      expect(code).toBe(1);
      expect(notes).toContain(message);
      expect(notes.trim().split("\n").length).toBe(1);
    }
  });
});
