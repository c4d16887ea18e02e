/**
 * Loading, prefill of 512 tokens, decoding, and streaming of greedy text with packed weights, beside llama.cpp on the same files
 * (streaming: node-llama-cpp, see `NODE_LLAMA_CPP` in peers/README.md) and, for bf16, PyTorch (`PEERS_PYTHON`), in the same run. Products are computed in float32 and in the precision that is made for the format:
 * llama.cpp rounds activations to 8 bits too. `--only q8_0` takes one format. The files (0.5 to 1.7 GB) are made in the folder for temporary files on first use.
 */
import { statSync } from "node:fs";
import { open } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { disposeParameters } from "@moekit/core";
import type * as Native from "@moekit/kernels-native";
import { generate, KeyValueCache, loadModel, loadTokenizer, streamText, type GgufExportType, type MoeTransformer, type TextTokenizer } from "@moekit/models";
import { type Measured, onBackends, type Options, type Outcome, type Result, summary } from "./lib/benchmark.ts";
import { syntheticGguf } from "./lib/synthetic-model.ts";
import { type LlamaPeer, openLlamaCpp } from "./peers/llama-cpp.ts";
import { fastestOf, peerOrNone } from "./peers/line-peer.ts";
import { openNodeLlamaCpp } from "./peers/node-llama-cpp.ts";
import { openPython } from "./peers/python.ts";

/** Not bundled: the kernels are those that the backend has registered. */
const packageName = "@moekit/kernels-native";
const native = (await import(packageName)) as typeof Native;

/** Precisions of products by format, exact and fast. */
const PRECISIONS: Partial<Record<GgufExportType, readonly Native.NativePrecision[]>> = { q8_0: ["f32", "int8"], q4_0: ["f32", "int8"], bf16: ["f32", "bf16"] };
const FORMATS = Object.keys(PRECISIONS) as GgufExportType[];
const [PREFILL, DECODE] = [512, 48];
/** Tokens of the prompt, and streamed after it. */
const [PROMPT, STREAM] = [32, 64];
const THREADS = 2;
const IDS = Array.from({ length: PREFILL }, (_, i) => 1 + ((i * 37) % 4000));

export async function run({ only, backends = ["native"], ...options }: Options, report: (result: Result) => void): Promise<Outcome> {
  const formats = FORMATS.filter((format) => !only || format === only);
  const measure = async () => {
    const all: Measured[] = [];
    for (const format of formats) all.push(...(await measureFormat(format, options.runs)));
    return all;
  };
  return onBackends({ ...options, backends }, measure, report);
}

async function measureFormat(format: GgufExportType, runs: number): Promise<Measured[]> {
  const path = await syntheticGguf(format);
  const load = await timeLoading(format, path);
  const model = await loadModel(path, { weights: "as-stored" });
  const other = peerOrNone("generate", "llama.cpp", await openLlamaCpp(path, { threads: THREADS, contextSize: PREFILL + DECODE }));
  const tokenizer = (await loadTokenizer(path))!;
  const streamer = peerOrNone("generate", "node-llama-cpp", await openNodeLlamaCpp(path, { threads: THREADS, contextSize: 2 * (PROMPT + STREAM) }));
  const streams: Times[] = [];
  if (other) await check(model, other);
  const precisions = PRECISIONS[format]!;
  const ours = new Map(precisions.map((precision) => [precision, [] as Times[]]));
  const theirs: Times[] = [];
  for (let i = 0; i <= runs; i++) {
    for (const precision of precisions) {
      native.setNativePrecision(precision);
      ours.get(precision)!.push({ ...(await ourTimes(model)), stream: await ourStream(model, tokenizer) });
    }
    if (other) theirs.push(await theirTimes(other));
    if (streamer) streams.push({ stream: await streamer.time(JSON.stringify({ ids: IDS.slice(0, PROMPT), tokens: STREAM })) });
  }
  native.setNativePrecision("f32");
  disposeParameters(model);
  await other?.close();
  streamer?.close();
  const torch = format === "bf16" ? await torchTimes(runs) : new Map<string, Times>();
  return [load, ...precisions.flatMap((precision) => resultsOf(`${format}, products in ${precision}`, ours.get(precision)!, new Map([...peerOf("llama.cpp", theirs), ...peerOf(streamer?.name ?? "", streams), ...torch])))];
}

/** The median of rounds after the first, in which each side warms up. */
function peerOf(name: string, times: readonly Times[]): [string, Times][] {
  const median = (part: keyof Times) => summary(times.slice(1).map((time) => time[part]!)).ms;
  return times.length > 1 ? [[name, Object.fromEntries(PARTS.filter((part) => times[0]![part] !== undefined).map((part) => [part, median(part)]))]] : [];
}

/** The faster of the ways in which transformers runs experts. */
async function torchTimes(runs: number): Promise<Map<string, Times>> {
  const peer = peerOrNone("generate", "PyTorch", await openPython("generate_torch.py", THREADS));
  if (!peer) return new Map();
  const fastest = (part: string) => fastestOf(peer, ["grouped_mm", "eager"].map((experts) => `${part} bf16 ${experts}`), runs);
  const times = { prefill: await fastest("prefill"), decode: await fastest("decode") };
  peer.close();
  return new Map([[peer.name, times]]);
}

const PARTS = ["prefill", "decode", "stream"] as const;

/** Milliseconds of the prefill, of one decoded token, and of one token of streamed text; what is not measured is left out. */
type Times = { readonly [part in (typeof PARTS)[number]]?: number };

function resultsOf(format: string, ours: readonly Times[], peers: ReadonlyMap<string, Times>): Measured[] {
  return PARTS.map((part) => {
    const tokens = part === "prefill" ? PREFILL : 1;
    const timing = summary(ours.slice(1).map((time) => time[part]!));
    const facts: Record<string, number> = { "tokens/s": (tokens / timing.ms) * 1000 };
    for (const [name, { [part]: ms }] of peers) if (ms !== undefined) Object.assign(facts, { [`${name} tokens/s`]: (tokens / ms) * 1000, [`times ${name}`]: ms / timing.ms });
    return { name: `${part} ${format}`, ...timing, facts };
  });
}

/** Milliseconds of the prefill, and of one decoded token. */
async function ourTimes(model: MoeTransformer): Promise<Times> {
  const cache = new KeyValueCache();
  const prefill = await timed(() => lastLogits(model, IDS, cache));
  const decode = await timed(async () => {
    for (let i = 0; i < DECODE; i++) await lastLogits(model, [IDS[i]!], cache);
  });
  cache.dispose();
  return { prefill, decode: decode / DECODE };
}

/** Milliseconds of one token of streamed text, from the first token to the end. */
async function ourStream(model: MoeTransformer, tokenizer: TextTokenizer): Promise<number> {
  const times: number[] = [];
  async function* watched(ids: AsyncIterable<number>): AsyncGenerator<number> {
    for await (const id of ids) {
      times.push(performance.now());
      yield id;
    }
  }
  let text = "";
  const ids = generate(model, IDS.slice(0, PROMPT), { maxNewTokens: STREAM, temperature: 0 });
  for await (const piece of streamText(tokenizer, watched(ids))) text += piece;
  if (times.length !== STREAM || text === "") throw new Error(`bench generate: the text ended after ${times.length} of ${STREAM} tokens.`);
  return (performance.now() - times[0]!) / (STREAM - 1);
}

async function theirTimes(peer: LlamaPeer): Promise<Times> {
  peer.clear();
  const { ms: prefill } = await peer.evaluate(IDS, 0);
  let decode = 0;
  for (let i = 0; i < DECODE; i++) decode += (await peer.evaluate([IDS[i]!], PREFILL + i)).ms;
  return { prefill, decode: decode / DECODE };
}

async function lastLogits(model: MoeTransformer, ids: readonly number[], cache: KeyValueCache): Promise<Float32Array> {
  const logits = tf.tidy(() => model.forward(tf.tensor2d([...ids], [1, ids.length], "int32"), { cache, lastOnly: true }).logits);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values;
}

/** Both compute the same, up to the precision that llama.cpp rounds activations to. */
async function check(model: MoeTransformer, peer: LlamaPeer): Promise<void> {
  const cache = new KeyValueCache();
  const own = await lastLogits(model, IDS.slice(0, 64), cache);
  cache.dispose();
  peer.clear();
  const { logits } = await peer.evaluate(IDS.slice(0, 64), 0, true);
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);
  const cosine = dot(own, logits!) / Math.sqrt(dot(own, own) * dot(logits!, logits!));
  if (!(cosine > 0.99)) throw new Error(`bench generate: the logits of moekit and llama.cpp must point the same way; their cosine is ${cosine}.`);
}

/** Beside the plain reading of the file, which is in the operating system's cache by then. */
async function timeLoading(format: string, path: string): Promise<Measured> {
  const bytes = statSync(path).size;
  await readAll(path);
  const plainTimes: number[] = [];
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    plainTimes.push(await timed(() => readAll(path)));
    const start = performance.now();
    const model = await loadModel(path, { weights: "as-stored" });
    times.push(performance.now() - start);
    disposeParameters(model);
  }
  const [plain, timing] = [summary(plainTimes).ms, summary(times)];
  return { name: `load ${format}`, ...timing, facts: { "GB/s": bytes / timing.ms / 1e6, "plain read GB/s": bytes / plain / 1e6, "share of plain read": plain / timing.ms } };
}

async function readAll(path: string): Promise<void> {
  const handle = await open(path);
  const { size } = await handle.stat();
  const target = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; ) at += (await handle.read(target, at, Math.min(1 << 26, size - at), at)).bytesRead;
  await handle.close();
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
