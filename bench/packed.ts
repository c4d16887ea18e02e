/**
 * Experts with packed weights: one token (8 of 64 experts, other ones at each call, so that weights come from memory) beside the
 * bandwidth of memory in the same run, and 512 tokens in each precision, beside llama.cpp's operators in the same run where Python
 * and its libraries are there. Width 1024, experts of width 512, SwiGLU. `--only q8_0` takes one format.
 */
import * as tf from "@tensorflow/tfjs";
import { packedExpertMlp, type PackedExpertMatrices, packMatrix, type PackedMatrix, unpackRows } from "@moekit/core";
import { packedFormat } from "@moekit/core/packed";
import type * as Kernels from "@moekit/kernels-native";
import { type Measured, onBackends, type Options, type Outcome, type Result, time, type Timing } from "./lib/benchmark.ts";
import { ggmlTime, openGgml } from "./peers/experts-ggml.ts";
import { peerOrNone } from "./peers/line-peer.ts";

const FORMATS = ["q8_0", "q4_0", "q4_K", "mxfp4", "bf16"];
const [WIDTH, HIDDEN, EXPERTS, TOP_K, TOKENS] = [1024, 512, 64, 8, 512];
const PRECISIONS: readonly Kernels.NativePrecision[] = ["f32", "bf16", "int8"];

export async function run({ only, backends = ["native"], runs }: Options, report: (result: Result) => void): Promise<Outcome> {
  const measure = async () => {
    const all: Measured[] = [];
    for (const format of FORMATS.filter((name) => !only || name === only)) all.push(...(await measureFormat(format, runs)));
    return all;
  };
  return onBackends({ runs, backends }, measure, report);
}

async function measureFormat(format: string, runs: number): Promise<Measured[]> {
  const matrices = experts(format);
  if (tf.getBackend() !== "moekit-native") return [await oneToken(format, "f32", matrices, runs), await manyTokens(format, "f32", matrices, runs)];
  const { nativeInfo, setNativePrecision } = await builtKernels();
  const peer = peerOrNone("packed", "a peer", await openGgml(nativeInfo().threads));
  const results: Measured[] = [];
  for (const measure of [oneToken, manyTokens]) {
    const peerMs = peer && (await ggmlTime(peer, format, measure === oneToken ? 1 : TOKENS, runs));
    for (const precision of PRECISIONS) {
      setNativePrecision(precision);
      results.push(besidePeer(await measure(format, precision, matrices, runs), peer?.name, peerMs));
    }
  }
  setNativePrecision("f32");
  peer?.close();
  return results;
}

/** The peer's rate, in the unit of ours, and how many times ours is as fast. */
function besidePeer({ facts, ...measured }: Measured, peer?: string, peerMs?: number): Measured {
  if (!peer || !peerMs) return { ...measured, facts };
  const [unit, rate] = Object.entries(facts)[0]!;
  return { ...measured, facts: { ...facts, [`${peer} ${unit}`]: rounded((rate * measured.ms) / peerMs), [`times ${peer}`]: rounded(peerMs / measured.ms) } };
}

/** The built package, which is the one that the backend runs; a plain import would bundle another copy of its sources. */
function builtKernels(): Promise<typeof Kernels> {
  const name = "@moekit/kernels-native";
  return import(name) as Promise<typeof Kernels>;
}

async function oneToken(format: string, precision: Kernels.NativePrecision, matrices: PackedExpertMatrices, runs: number): Promise<Measured> {
  const x = rows(TOP_K);
  // Call i uses experts 8 i to 8 i + 7.
  const turns = Array.from({ length: EXPERTS / TOP_K }, (_, turn) => offsets((expert) => (Math.floor(expert / TOP_K) === turn ? 1 : 0)));
  const error = check(format, matrices, x, turns[0]!, precision === "int8" ? 3e-2 : 1e-4);
  let call = 0;
  const { ms, spread } = await timeOutputs(runs, () => packedExpertMlp(x, matrices, turns[call++ % turns.length]!, { activation: "silu" }));
  const bandwidth = await measureBandwidth(runs);
  tf.dispose([x, turns]);
  const rate = (TOP_K * bytesOfExpert(matrices)) / ms / 1e6;
  return { name: `one token, ${format}, precision ${precision}`, ms, spread, facts: { "GB/s": rounded(rate), "GB/s of memory": rounded(bandwidth), share: rounded(rate / bandwidth), error } };
}

async function manyTokens(format: string, precision: Kernels.NativePrecision, matrices: PackedExpertMatrices, runs: number): Promise<Measured> {
  const x = rows(TOKENS * TOP_K);
  const perExpert = offsets(() => (TOKENS * TOP_K) / EXPERTS);
  const error = check(format, matrices, x, perExpert, precision === "f32" ? 1e-4 : 3e-2);
  const { ms, spread } = await timeOutputs(runs, () => packedExpertMlp(x, matrices, perExpert, { activation: "silu" }));
  tf.dispose([x, perExpert]);
  return { name: `${TOKENS} tokens, ${format}, precision ${precision}`, ms, spread, facts: { "GOP/s": rounded((6 * WIDTH * HIDDEN * TOKENS * TOP_K) / ms / 1e6), error } };
}

/** All experts are alike: packing one is quick, and the time of a product does not depend on its numbers. */
function experts(format: string): PackedExpertMatrices {
  const bank = (numRows: number, columns: number, seed: number): PackedMatrix => {
    const one = packMatrix(uniform(numRows * columns, seed, Math.sqrt(3 / columns)), [numRows, columns], packedFormat(format));
    const bytes = new Uint8Array(EXPERTS * one.bytes.length);
    for (let expert = 0; expert < EXPERTS; expert++) bytes.set(one.bytes, expert * one.bytes.length);
    return { ...one, shape: [EXPERTS * numRows, columns], bytes };
  };
  return { gate: bank(HIDDEN, WIDTH, 1), up: bank(HIDDEN, WIDTH, 2), down: bank(WIDTH, HIDDEN, 3) };
}

const bytesOfExpert = ({ gate, up, down }: PackedExpertMatrices) => (gate!.bytes.length + up.bytes.length + down.bytes.length) / EXPERTS;
const rows = (count: number) => tf.tensor2d(uniform(count * WIDTH, 4, 1), [count, WIDTH]);

/** From -scale to scale. */
function uniform(length: number, seed: number, scale: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state / 2 ** 31) * scale;
  });
}

function offsets(countOf: (expert: number) => number): tf.Tensor1D {
  const ends = new Int32Array(EXPERTS + 1);
  for (let expert = 0; expert < EXPERTS; expert++) ends[expert + 1] = ends[expert]! + countOf(expert);
  return tf.tensor1d(ends, "int32");
}

/** Compares the first and the last row with float64 loops. @returns the largest error relative to the largest output. */
function check(format: string, matrices: PackedExpertMatrices, x: tf.Tensor2D, ends: tf.Tensor1D, limit: number): number {
  const output = packedExpertMlp(x, matrices, ends, { activation: "silu" });
  const y = output.dataSync();
  output.dispose();
  const input = x.dataSync();
  const errors = [0, x.shape[0] - 1].map((row) => {
    const want = expertOf(input.subarray(row * WIDTH, (row + 1) * WIDTH) as Float32Array, matrices);
    return want.reduce((worst, value, i) => Math.max(worst, Math.abs(y[row * WIDTH + i]! - value)), 0) / Math.max(...want.map(Math.abs));
  });
  const error = Math.max(...errors);
  if (!(error <= limit)) throw new Error(`bench packed: ${format} is wrong: error ${error} exceeds ${limit}; nothing is timed.`);
  return Number(error.toPrecision(2));
}

/** The first expert, which all are like. */
function expertOf(x: Float32Array, { gate, up, down }: PackedExpertMatrices): Float64Array {
  const product = (packed: PackedMatrix, numRows: number, input: ArrayLike<number>) => {
    const w = unpackRows(packed, 0, numRows);
    return Float64Array.from({ length: numRows }, (_, o) => w.subarray(o * input.length, (o + 1) * input.length).reduce((sum, value, k) => sum + value * input[k]!, 0));
  };
  const [g, u] = [product(gate!, HIDDEN, x), product(up, HIDDEN, x)];
  return product(down, WIDTH, u.map((value, i) => (value * g[i]!) / (1 + Math.exp(-g[i]!))));
}

/** Reads 256 MB on all threads, as sums of rows. @returns GB/s of the fastest run. */
async function measureBandwidth(runs: number): Promise<number> {
  const numbers = tf.ones([1 << 10, 1 << 16]);
  const { spread } = await timeOutputs(runs, () => tf.sum(numbers, 1));
  const bytes = 4 * numbers.size;
  numbers.dispose();
  return bytes / spread[0] / 1e6;
}

async function timeOutputs(runs: number, make: () => tf.Tensor): Promise<Timing> {
  let last: tf.Tensor | undefined;
  const call = () => {
    last?.dispose();
    last = make();
  };
  const timing = await time(runs, call, () => last!.data());
  last?.dispose();
  return timing;
}

const rounded = (value: number) => Number(value.toPrecision(4));
