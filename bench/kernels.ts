/**
 * Products of matrices, mixture-of-experts layers and the cost of a call, in float32 and bfloat16, beside PyTorch and ONNX
 * Runtime in the same run: rounds of all sides alternate. `--only forward` takes some.
 */
import * as tf from "@tensorflow/tfjs";
import { expertMlp, MoeLayer, type DispatchPlan, type ExpertBank } from "@moekit/core";
import type * as Native from "@moekit/kernels-native";
import { TopKRouter } from "@moekit/routing";
import { type Measured, onBackends, type Options, type Outcome, type Result, summary } from "./lib/benchmark.ts";
import { type LinePeer, peerOrNone } from "./peers/line-peer.ts";
import { openPython } from "./peers/python.ts";

const [TOKENS, WIDTH, HIDDEN, EXPERTS, TOP_K, N] = [512, 1024, 512, 64, 8, 1024];
const MATMUL_FLOPS = 2 * N ** 3;
const FORWARD_FLOPS = 6 * TOKENS * TOP_K * WIDTH * HIDDEN;
const ADDS = 1000;

/** The copy of the package that the backend comes from; one bundled in here would not find its binary. */
const packageName: string = "@moekit/kernels-native";
const native = (await import(packageName)) as typeof Native;

interface Work {
  readonly name: string;
  readonly flops: number;
  readonly precision: Native.NativePrecision;
  /** Works of the peers; the fastest counts. */
  readonly torch: readonly string[];
  readonly onnxruntime?: string;
  readonly make: () => { run: () => void; dispose: () => void };
}

const WORKS: readonly Work[] = [
  ...(["f32", "bf16"] as const).flatMap((precision): Work[] => {
    const f32 = precision === "f32";
    return [
      { name: `matmul 1024^3 ${precision}`, flops: MATMUL_FLOPS, precision, torch: [`matmul ${precision}`], onnxruntime: f32 ? "matmul f32" : undefined, make: matmul },
      { name: `MoE forward ${precision}`, flops: FORWARD_FLOPS, precision, torch: [`forward ${precision}`, `forward ${precision} eager`], onnxruntime: f32 ? "forward f32" : undefined, make: () => moe(false) },
      { name: `MoE forward and backward ${precision}`, flops: 3 * FORWARD_FLOPS, precision, torch: [`backward ${precision}`], make: () => moe(true) },
    ];
  }),
  { name: "add of 8 x 8, 1000 times", flops: 0, precision: "f32", torch: ["add"], make: smallAdd },
];

export async function run({ backends = ["native"], ...options }: Options, report: (result: Result) => void): Promise<Outcome> {
  return onBackends({ ...options, backends }, () => measureAll(options), report);
}

async function measureAll({ runs, only = "" }: Options): Promise<Measured[]> {
  const { threads } = native.nativeInfo();
  const peers = await Promise.all(["kernels_torch.py", "kernels_onnxruntime.py"].map((script) => openPython(script, threads)));
  const [torch, onnxruntime] = peers.map((peer) => peerOrNone("kernels", "a peer", peer));
  const results: Measured[] = [];
  for (const work of WORKS.filter(({ name }) => name.includes(only))) results.push(await measure(work, runs, torch, onnxruntime));
  for (const peer of [torch, onnxruntime]) peer?.close();
  return results;
}

/** One round is each side once; the first round is not counted. */
async function measure(work: Work, runs: number, torch?: LinePeer, onnxruntime?: LinePeer): Promise<Measured> {
  native.setNativePrecision(work.precision);
  const { run, dispose } = work.make();
  const own: number[] = [];
  const others = new Map<string, number[]>();
  const askPeer = async (peer: LinePeer | undefined, names: readonly string[]) => {
    for (const name of peer ? names : []) push(others, `${peer!.name} ${name}`, await peer!.time(name));
  };
  run();
  run();
  await peersAtRest();
  for (let round = 0; round < runs; round++) own.push(clock(run));
  // A peer keeps one work at a time, so its rounds follow each other; ours before and after show whether the machine changed.
  for (const name of work.torch) for (let round = 0; round <= runs; round++) await askPeer(torch, [name]);
  await peersAtRest();
  for (let round = 0; round <= runs && work.onnxruntime; round++) await askPeer(onnxruntime, [work.onnxruntime]);
  await peersAtRest();
  for (let round = 0; round < runs; round++) own.push(clock(run));
  dispose();
  native.setNativePrecision("f32");
  return { name: work.name, ...summary(own), facts: factsOf(work, summary(own).ms, others) };
}

function factsOf({ flops }: Work, ms: number, others: Map<string, number[]>): Record<string, number> {
  const rate = (time: number) => Number((flops ? flops / time / 1e6 : (1000 * time) / ADDS).toPrecision(4));
  const unit = flops ? "GFLOP/s" : "us per call";
  const facts: Record<string, number> = { [unit]: rate(ms) };
  for (const [name, times] of others) {
    const peer = summary(times.slice(1)).ms;
    facts[`${name} ${unit}`] = rate(peer);
    facts[`times ${name}`] = Number((peer / ms).toPrecision(3));
  }
  return facts;
}

/** Threads of the peers spin for a while after their work, on the cores that the next one needs. */
const peersAtRest = () => new Promise((resolve) => setTimeout(resolve, 300));

const push = (map: Map<string, number[]>, key: string, value: number) => void map.set(key, [...(map.get(key) ?? []), value]);

function clock(run: () => void): number {
  const started = performance.now();
  run();
  return performance.now() - started;
}

function matmul() {
  const [a, b] = [1, 2].map((seed) => tf.randomNormal([N, N], 0, 1, "float32", seed));
  return { run: () => tf.dispose(tf.matMul(a!, b!)), dispose: () => tf.dispose([a!, b!]) };
}

function moe(backward: boolean) {
  const router = new TopKRouter({ dim: WIDTH, numExperts: EXPERTS, topK: TOP_K, renormalise: true, seed: 1 });
  const [gate, up, down] = [bank(HIDDEN, WIDTH, 4), bank(HIDDEN, WIDTH, 5), bank(WIDTH, HIDDEN, 6)];
  const experts: ExpertBank = { numExperts: EXPERTS, forward: (x: tf.Tensor2D, plan: DispatchPlan) => expertMlp(x, { gate, up, down }, plan.offsets, { activation: "silu" }) };
  const layer = new MoeLayer({ router, experts });
  const x = tf.tidy(() => tf.variable(tf.randomNormal([TOKENS, WIDTH], 0, 1, "float32", 3)));
  const y = () => layer.forward(x as tf.Tensor as tf.Tensor2D).y;
  const forward = () => tf.tidy(() => void y());
  const both = () => {
    const { value, grads } = tf.variableGrads(() => tf.sum(y()));
    tf.dispose([value as tf.Tensor, grads as never]);
  };
  return { run: backward ? both : forward, dispose: () => tf.dispose([router.weight, gate, up, down, x]) };
}

/** `[E, rows, columns]`, the same numbers for each expert: drawing them all takes longer than everything that is measured. */
function bank(rows: number, columns: number, seed: number): tf.Variable<tf.Rank.R3> {
  return tf.tidy(() => tf.variable(tf.tile(tf.randomNormal([1, rows, columns], 0, 0.02, "float32", seed), [EXPERTS, 1, 1])) as tf.Variable<tf.Rank.R3>);
}

function smallAdd() {
  const [a, b] = [tf.ones([8, 8]), tf.ones([8, 8])];
  const run = () => {
    for (let i = 0; i < ADDS; i++) tf.dispose(tf.add(a, b));
  };
  return { run, dispose: () => tf.dispose([a, b]) };
}
