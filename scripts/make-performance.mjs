/**
 * Writes the tables of docs/performance.md and the picture docs/roofline.svg from the newest receipt of each benchmark in
 * bench/results: `node scripts/make-performance.mjs`.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { root } from "./packages.mjs";

const results = `${root}bench/results/`;

/** The newest receipt of a benchmark, undefined where there is none. */
function newest(name) {
  const file = readdirSync(results).filter((each) => each.startsWith(`${name}-`)).sort().at(-1);
  return file && { file, ...JSON.parse(readFileSync(results + file, "utf8")) };
}

const [kernels, packed, peaks, load, memory, generate] = ["kernels", "packed", "peaks", "load", "memory", "generate"].map(newest);

/** Bytes that a work moves at least: what it reads and writes once in float32. T tokens, K slots, D and F widths, E experts. */
const [N, T, K, D, F, E] = [1024, 512, 8, 1024, 512, 64];
const WEIGHTS = 4 * 3 * E * D * F;
const ROWS = 4 * 2 * T * K * D;
const BYTES = { matmul: 4 * 3 * N * N, "MoE forward and backward": 3 * WEIGHTS + 2 * ROWS, "MoE forward": WEIGHTS + ROWS };
const bytesOf = (name) => Object.entries(BYTES).find(([start]) => name.startsWith(start))?.[1];

const number = (value) => Number(value.toPrecision(3)).toString();

/** The rate of each peer, in that unit, and how many times ours is as fast. */
function peersOf(facts, unit) {
  const names = Object.keys(facts).filter((key) => key.startsWith("times ")).map((key) => key.slice("times ".length));
  return names.map((name) => `${name}: ${number(facts[`${name} ${unit}`])} (${number(facts[`times ${name}`])} x)`).join("<br>");
}

/** One row per work: ours, the spread, and each peer with how many times ours is as fast. */
function kernelTable({ results: works }) {
  const rows = works.map(({ name, ms, spread, facts }) => {
    const unit = ["GFLOP/s", "us per call", "GOP/s", "GB/s"].find((each) => each in facts);
    const ofMemory = facts.share ? `, ${Math.round(100 * facts.share)} % of memory's ${number(facts["GB/s of memory"])}` : "";
    return `| ${name} | ${number(ms)} (${spread.map(number).join(" to ")}) | ${number(facts[unit])} ${unit.replace("us", "µs")}${ofMemory} | ${peersOf(facts, unit)} |`;
  });
  return ["| work | ms, median (range) | rate | peers, same unit (ours is so many times as fast) |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** One row per work: ours, and each peer with how many times ours is as fast. */
function generateTable() {
  const rows = generate.results.map(({ name, ms, facts }) => {
    const rate = facts["tokens/s"] ? `${number(facts["tokens/s"])} tokens/s` : `${number(facts["GB/s"])} GB/s`;
    const others = facts["plain read GB/s"] ? `plain reading: ${number(facts["plain read GB/s"])} GB/s` : peersOf(facts, "tokens/s");
    return `| ${name} | ${number(ms)} | ${rate} | ${others} |`;
  });
  return ["| work | ms, median | rate | peers (ours is so many times as fast) |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function factsTable(receipts) {
  const rows = receipts.filter(Boolean).flatMap(({ results: all }) => all.map(({ name, ms, facts }) => `| ${name} | ${ms ? `${number(ms)} ms` : ""} | ${Object.entries(facts).map(([key, value]) => `${key} ${number(value)}`).join(", ")} |`));
  return ["| measured | median | |", "| --- | --- | --- |", ...rows].join("\n");
}

function sources() {
  const { cpu, cores, node, commit, realTime } = kernels.machine;
  const files = [kernels, packed, generate, peaks, load, memory].filter(Boolean).map(({ file, load: { before }, loaded }) => `\`${file}\` (load ${before}${loaded ? ", **busy machine: take these with care**" : ""})`);
  return `${cpu}, ${cores} cores, Node ${node}, commit ${commit.slice(0, 7)}${realTime ? ", scheduled in real time" : ""}. Receipts: ${files.join(", ")}.`;
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. */
function fill(text, name, content) {
  const pattern = new RegExp(`<!-- ${name} -->[\\s\\S]*<!-- /${name} -->`);
  if (!pattern.test(text)) throw new Error(`make-performance: docs/performance.md has no place for ${name}`);
  return text.replace(pattern, () => `<!-- ${name} -->\n${content}\n<!-- /${name} -->`);
}

const [WIDTH, HEIGHT, MARGIN] = [760, 460, 60];
const [X_RANGE, Y_RANGE] = [[1, 512], [16, 640]];
const along = (value, [from, to], length) => (Math.log(value / from) / Math.log(to / from)) * length;
const xAt = (intensity) => MARGIN + along(intensity, X_RANGE, WIDTH - 2 * MARGIN);
const yAt = (rate) => HEIGHT - MARGIN - along(rate, Y_RANGE, HEIGHT - 2 * MARGIN);

/** Both axes logarithmic: memory gives the slope, registers the roofs; a dot per work. */
function roofline() {
  const { f32, bf16, read } = peaks.results[0].facts;
  const line = (x1, y1, x2, y2, style) => `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${style}/>`;
  const label = (x, y, text, style = "") => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" paint-order="stroke" stroke="white" stroke-width="4" ${style}>${text}</text>`;
  const roofs = [["f32", f32], ["bf16", bf16]].filter(([, rate]) => rate).flatMap(([name, rate]) => [
    line(xAt(rate / read), yAt(rate), xAt(X_RANGE[1]), yAt(rate), 'stroke="#555"'),
    label(xAt(X_RANGE[1]) - 4, yAt(rate) - 6, `${name}: ${Math.round(rate)} in registers`, 'text-anchor="end"'),
  ]);
  const top = bf16 ?? f32;
  const slope = line(xAt(X_RANGE[0]), yAt(read * X_RANGE[0]), xAt(top / read), yAt(top), 'stroke="#555"');
  const dots = kernels.results.filter(({ facts }) => facts["GFLOP/s"]).map(({ name, ms, facts }) => {
    const [x, y] = [xAt((facts["GFLOP/s"] * ms * 1e6) / bytesOf(name)), yAt(facts["GFLOP/s"])];
    // Forward on the left, with backward, which has about the same place, on the right.
    const isLeft = name.startsWith("MoE forward ") && !name.includes("backward");
    const text = `${name.replace("MoE forward and backward", "with backward")}: ${Math.round(facts["GFLOP/s"])}`;
    const color = name.endsWith("bf16") ? "#c2410c" : "#1d4ed8";
    return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="5" fill="${color}"/>${label(isLeft ? x - 9 : x + 9, y + 4, text, isLeft ? 'text-anchor="end"' : "")}`;
  });
  const ticks = [
    ...[1, 4, 16, 64, 256].map((value) => label(xAt(value), HEIGHT - MARGIN + 18, value, 'text-anchor="middle"')),
    ...[16, 32, 64, 128, 256, 512].map((value) => label(MARGIN - 8, yAt(value) + 4, value, 'text-anchor="end"')),
  ];
  const axes = [line(MARGIN, HEIGHT - MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN, 'stroke="#999"'), line(MARGIN, MARGIN, MARGIN, HEIGHT - MARGIN, 'stroke="#999"')];
  const titles = [label(WIDTH / 2, HEIGHT - 16, "floating point operations per byte of memory that has to move", 'text-anchor="middle"'), label(MARGIN, MARGIN - 24, "GFLOP/s"), label(xAt(X_RANGE[0]) + 16, yAt(read * X_RANGE[0]) + 4, `memory: ${number(read)} GB/s`)];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n${[...axes, slope, ...ticks, ...titles, ...roofs, ...dots].join("\n")}\n</svg>\n`;
}

const page = `${root}docs/performance.md`;
let text = readFileSync(page, "utf8");
text = fill(text, "kernels", kernelTable(kernels));
text = fill(text, "packed", kernelTable(packed));
text = fill(text, "generate", generateTable());
text = fill(text, "others", factsTable([peaks, load, memory]));
text = fill(text, "sources", sources());
writeFileSync(page, text);
writeFileSync(`${root}docs/roofline.svg`, roofline());
