import { availableParallelism, totalmem } from "node:os";
import { ConfigError, registerOpKernel, UnknownNameError } from "@moekit/core";
import * as tf from "@tensorflow/tfjs";
import type { AddonSettings } from "./addon.js";
import type { Host, KernelAttrs, KernelInputs, OpKernel, TfjsKernel } from "./kernel.js";
import { opKernels, tfjsKernels } from "./kernels/index.js";
import { loadAddon } from "./load-addon.js";
import { createNativeBackend, type NativeBackend } from "./native-backend.js";

/** Name of the backend. @example await tf.setBackend(nativeBackendName); */
export const nativeBackendName = "moekit-native";

/**
 * How products with weights are computed: with float32, with inputs rounded to bfloat16 and float32 sums, or so with
 * products of packed weights as integers.
 * @example const precision: NativePrecision = "bf16";
 */
export type NativePrecision = "f32" | "bf16" | "int8";

const PRECISIONS: readonly NativePrecision[] = ["f32", "bf16", "int8"];

/** Settings of {@link registerNativeBackend}. @example const options: NativeOptions = { precision: "bf16" }; */
export interface NativeOptions {
  /** Default `MOEKIT_NATIVE_PRECISION`, else `f32`. */
  readonly precision?: NativePrecision;
}

/** What {@link nativeInfo} tells. @example const { threads }: NativeInfo = nativeInfo(); */
export interface NativeInfo {
  /** Threads that kernels use, the calling one included. */
  readonly threads: number;
  /** Instruction set in use, e.g. `avx2`. */
  readonly simd: string;
  /** Sets that this machine supports and the binary has kernels for, fastest first. */
  readonly instructionSets: readonly string[];
  /** Of products with weights. */
  readonly precision: NativePrecision;
  /** File or package that the compiled kernels come from. */
  readonly origin: string;
}

/**
 * Registers the backend `moekit-native`: all of tfjs-backend-cpu, with the hot kernels and the moekit ops in C++.
 *
 * Threads: one per core, or as many as `MOEKIT_NATIVE_THREADS` says. Instruction set: the fastest that the machine has, or
 * `MOEKIT_NATIVE_ISA` (`amx`, `avx512bf16`, `avx512`, `avx2`; on arm64 `neondot`, `neon`; `scalar`). Precision: see {@link setNativePrecision}. Call it once;
 * calling it again changes no more than a precision that is given.
 *
 * @returns What is in use.
 * @throws MoekitError if there are no compiled kernels for this machine; the message says what was tried.
 * @throws ConfigError, UnknownNameError if an environment variable has a wrong value.
 * @example
 * registerNativeBackend();
 * await tf.setBackend("moekit-native");
 */
export function registerNativeBackend({ precision }: NativeOptions = {}): NativeInfo {
  if (!tf.engine().registryFactory[nativeBackendName]) register();
  if (precision !== undefined) setNativePrecision(precision);
  return nativeInfo();
}

function register(): void {
  const { settings, kernels: native } = loadAddon();
  configure(settings);
  const hosts = new WeakMap<object, Host>();
  const hostOf = (backend: unknown): Host => {
    const known = hosts.get(backend as object);
    if (known) return known;
    const host: Host = { backend: backend as NativeBackend, native };
    hosts.set(backend as object, host);
    return host;
  };
  copyCpuKernels();
  for (const [name, kernel] of Object.entries(tfjsKernels)) override(name, kernel, hostOf);
  for (const [name, kernel] of Object.entries(opKernels)) registerOpKernel(name, nativeBackendName, opKernelFunc(kernel, hostOf));
  tf.registerBackend(nativeBackendName, () => createNativeBackend(settings, totalmem() / 4), PRIORITY);
}

/** That of tfjs-backend-cpu is 1, of wasm 2: this one comes before both where nobody chooses. */
const PRIORITY = 3;

/**
 * Threads, instruction set and origin of the compiled kernels.
 * @throws MoekitError if there are none for this machine.
 * @example nativeInfo().simd; // "avx2"
 */
export function nativeInfo(): NativeInfo {
  const { settings, origin } = loadAddon();
  return { threads: settings.threads(), simd: settings.instructionSet(), instructionSets: settings.supportedInstructionSets(), precision: settings.precision() as NativePrecision, origin };
}

/**
 * Sets how many threads kernels use, the calling one included; for the whole process. Results do not depend on it.
 * @throws ConfigError unless it is a whole number from 1 on.
 * @example setNativeThreads(1);
 */
export function setNativeThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1) throw new ConfigError(`setNativeThreads: count must be a whole number from 1 on; got ${count}.`);
  loadAddon().settings.setThreads(count);
}

/**
 * Chooses the instruction set of the kernels, for tests and comparisons; the fastest one is in use from the start.
 * @throws UnknownNameError if this machine or the binary does not have it.
 * @example setNativeInstructionSet("scalar");
 */
export function setNativeInstructionSet(name: string): void {
  const { settings } = loadAddon();
  if (!settings.chooseInstructionSet(name)) throw new UnknownNameError({ in: "setNativeInstructionSet", name, known: settings.supportedInstructionSets() });
}

/**
 * Chooses the precision of products: `linear` and all that multiplies matrices (`tf.matMul`), `groupedMatmul`, `segmentedLora`,
 * `expertMlp` and `attention`, forward and backward; for the whole process. With `bf16` their inputs are rounded to bfloat16 (8
 * bits of mantissa) on the way into the product; sums, outputs and all other ops stay float32, and so does attention of single
 * queries. Twice as fast with the set `avx512bf16`, no faster elsewhere; results agree up to the order of float32 sums.
 * `int8` is `bf16`, and products with packed weights (`packedMatmul`, `packedExpertMlp`, forward) take activations in 8 bits,
 * `x = d q` with `d = max |x| / 127` by group of 32 (16 in q2_K, q3_K, q6_K), and multiply integers where the format stores them.
 * @throws UnknownNameError unless it is `f32`, `bf16` or `int8`.
 * @example setNativePrecision("bf16");
 */
export function setNativePrecision(precision: NativePrecision): void {
  if (!loadAddon().settings.choosePrecision(precision)) throw new UnknownNameError({ in: "setNativePrecision", name: precision, known: PRECISIONS });
}

/** The settings are shared by all worker threads: what one has set stays. */
function configure(settings: AddonSettings): void {
  const { MOEKIT_NATIVE_THREADS: threads, MOEKIT_NATIVE_ISA: set, MOEKIT_NATIVE_PRECISION: precision } = process.env;
  if (threads !== undefined) setNativeThreads(Number(threads));
  else if (settings.threads() === 1) settings.setThreads(availableParallelism());
  if (set !== undefined) setNativeInstructionSet(set);
  if (precision !== undefined) setNativePrecision(precision as NativePrecision);
}

/** Not those of moekit ops: a reference registers itself anew for each backend. */
function copyCpuKernels(): void {
  for (const kernel of tf.getKernelsForBackend("cpu")) {
    if (!kernel.kernelName.startsWith("Moekit")) tf.registerKernel({ ...kernel, backendName: nativeBackendName });
  }
}

type KernelCall = { inputs: unknown; attrs?: unknown; backend: unknown };

/** Puts a kernel in front of that of tfjs-backend-cpu. */
function override(name: string, kernel: TfjsKernel, hostOf: (backend: unknown) => Host): void {
  const slow = tf.getKernel(name, nativeBackendName);
  const kernelFunc = (call: KernelCall) => kernel(hostOf(call.backend), call.inputs as KernelInputs, (call.attrs ?? {}) as KernelAttrs) ?? slow.kernelFunc(call as Parameters<tf.KernelFunc>[0]);
  tf.unregisterKernel(name, nativeBackendName);
  tf.registerKernel({ ...slow, kernelFunc: kernelFunc as tf.KernelFunc });
}

function opKernelFunc(kernel: OpKernel, hostOf: (backend: unknown) => Host): tf.KernelConfig["kernelFunc"] {
  return ({ inputs, attrs, backend }) => kernel(hostOf(backend), inputs as unknown as KernelInputs, (attrs ?? {}) as KernelAttrs);
}
