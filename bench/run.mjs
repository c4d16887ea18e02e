/**
 * Runs benchmarks and writes receipts: `npm run bench -- ops --backend wasm,native`.
 * Each benchmark is a file `bench/<name>.ts` that checks its results before it times anything.
 */
import { existsSync, readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { root } from "../scripts/packages.mjs";
import { loadSource } from "../scripts/load-source.mjs";
import { load, machine } from "./lib/machine.mjs";
import { writeReceipt } from "./lib/receipt.mjs";

const names = readdirSync(`${root}bench`).filter((file) => file.endsWith(".ts")).map((file) => file.slice(0, -3));
const usage = `usage: npm run bench -- ${names.join("|")} [--backend cpu,wasm,native,...] [--runs 7] [--size NAME] [--only TEXT] [--out FOLDER]`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: "string" },
    runs: { type: "string", default: "7" },
    size: { type: "string" },
    only: { type: "string" },
    out: { type: "string", default: `${root}bench/results` },
    help: { type: "boolean" },
  },
});
const options = { runs: Number(values.runs), size: values.size, only: values.only };

if (values.help || positionals.length === 0) console.log(usage);
else if (!Number.isInteger(options.runs) || options.runs < 1) fail(`--runs must be a whole number from 1 on; got ${values.runs}`);
else for (const name of positionals) await run(name);

async function run(name) {
  if (!existsSync(`${root}bench/${name}.ts`)) return fail(`there is no benchmark "${name}"\n${usage}`);
  const before = load();
  if (before.loaded) console.error(`bench: the machine is busy (load ${before.load1} on ${before.cores} cores): the results are marked as such`);
  const benchmark = await loadSource(`bench/${name}.ts`);
  const { results, skipped } = await benchmark.run({ ...options, backends: values.backend?.split(",") }, print);
  for (const { backend, reason } of skipped) console.log(`skipped ${backend}: ${reason}`);
  const file = writeReceipt(values.out, name, { benchmark: name, options, loaded: before.loaded, machine: machine(), load: { before: before.load1, after: load().load1 }, results, skipped });
  console.log(`receipt: ${file}`);
  if (results.length === 0) process.exitCode = 1;
}

function print({ name, backend, ms, spread, facts }) {
  const range = `(${spread.map((value) => value.toPrecision(3)).join(" to ")})`;
  console.log(`${backend.padEnd(10)} ${name.padEnd(72)} ${ms.toPrecision(4).padStart(8)} ms ${range.padEnd(20)} ${Object.entries(facts).map(([fact, value]) => `${fact} ${value}`).join("  ")}`);
}

function fail(message) {
  console.error(`bench: ${message}`);
  process.exitCode = 1;
}
