/** The quickstart as a stranger runs it, with a few steps: it must learn, write its files, and print what to do next. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";

const STEPS = 6;
const out = await mkdtemp(join(tmpdir(), "quickstart-"));
after(() => rm(out, { recursive: true }));

test(`${STEPS} steps`, { timeout: 300_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["quickstart.mjs", "--steps", String(STEPS), "--out", out], { cwd: import.meta.dirname });
  const records = (await readFile(join(out, "metrics.jsonl"), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  const losses = records.filter(({ kind }) => kind === "step").map(({ lmLoss }) => lmLoss);
  assert.equal(losses.length, STEPS);
  // An untrained model is as good as chance: ln 2048 = 7.62 nats per token.
  assert.ok(Math.abs(losses[0] - Math.log(2048)) < 0.1, `first loss ${losses[0]}`);
  assert.ok(losses.at(-1) < 7.4, `last loss ${losses.at(-1)}`);

  const report = JSON.parse(await readFile(join(out, "report.json"), "utf8"));
  assert.deepEqual(report.routing.domains, ["novel", "speeches", "typescript", "markdown", "german"]);
  const twoGram = report.baselines.find(({ name }) => name === "2-gram");
  // The corpus, its split, the tokenizer and the n-gram model are the same everywhere.
  assert.equal(twoGram.bitsPerByte.toFixed(2), "2.24");
  for (const file of ["config.json", "model.safetensors", "tokenizer.json", "run.json", "report.html"]) assert.ok((await readFile(join(out, file))).length > 0, file);
  for (const command of ["--resume", "moekit generate", "moekit inspect"]) assert.ok(stdout.includes(command), command);
});
