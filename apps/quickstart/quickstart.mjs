/**
 * Trains a small mixture-of-experts language model on five kinds of text, measures it against n-gram models, and writes a
 * report in which you can see what its experts do. `npm start`, or with other budgets: `npm start -- --minutes 1`.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { isMoekitError, parseTrainingConfig, trainingProgress, trainingRun, trainingSummary } from "moekit";

/** Everything to play with. */
const settings = {
  name: "quickstart",
  seed: 1,
  // 16 experts of which each token meets 2.
  model: { layers: 4, hiddenSize: 128, heads: 4, keyValueHeads: 2, experts: 16, topK: 2, expertWidth: 64 },
  data: {
    domains: Object.fromEntries(["novel", "speeches", "typescript", "markdown", "german"].map((name) => [name, { path: `corpus/${name}.txt.gz` }])),
    heldOut: { fraction: 0.05 },
    tokenizer: { vocabSize: 2048 },
  },
  training: {
    batchSize: 8,
    sequenceLength: 128,
    optimizer: { name: "adamw", beta2: 0.99 },
    schedule: { name: "wsd", peak: 4e-3, warmupRatio: 0.03, decayRatio: 0.5 },
    balancing: [
      { name: "switchLoss", coefficient: 0.01 },
      { name: "zLoss", coefficient: 0.001 },
    ],
    evaluationWindows: 16,
  },
};

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "4.7" }, // of training; reading, baselines and report take about half a minute more
    steps: { type: "string" }, // a fixed number of steps instead
    backend: { type: "string", default: "auto" }, // see `npx moekit doctor`
    out: { type: "string" }, // folder to write
  },
});

// npm runs this in its own folder; what it writes belongs where npm was called.
process.chdir(process.env.INIT_CWD ?? ".");

// What moekit refuses it says in a sentence; anything else is a bug and keeps its stack.
process.once("uncaughtException", (error) => {
  console.error(isMoekitError(error) ? error.message : error);
  process.exit(isMoekitError(error, "config") ? 2 : 1);
});

const budget = values.steps ? { steps: Number(values.steps) } : { minutes: Number(values.minutes) };
const config = parseTrainingConfig({ ...settings, backend: values.backend, training: { ...settings.training, ...budget } }, { base: import.meta.dirname });

// Ctrl-C stops after the current step and leaves a checkpoint to go on from.
const interrupt = new AbortController();
process.once("SIGINT", () => interrupt.abort(new Error("interrupted")));

const out = resolve(values.out ?? freeFolder("runs", settings.name));
const result = await trainingRun(config, { out, signal: interrupt.signal, onEvent: trainingProgress() });
console.log(`\n${trainingSummary(result)}`);
if (result.stopped === "aborted") process.exitCode = 130;

/** `runs/quickstart`, or `runs/quickstart-2` where that exists, and so on. */
function freeFolder(parent, name) {
  const candidates = Array.from({ length: 1000 }, (_, i) => join(parent, i === 0 ? name : `${name}-${i + 1}`));
  return candidates.find((folder) => !existsSync(folder));
}
