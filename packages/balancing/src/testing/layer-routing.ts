/** Only for tests: routings made of logits, and a comparison with plain float64 loops. */
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import type { Scalar, Tensor2D } from "@tensorflow/tfjs";
import { topK, type LayerRouting, type RouteContext, type TokenChoice } from "@moekit/core";
import { expect } from "vitest";

/** `cpu` under another name: the library takes it for a machine that cannot read synchronously. */
export const REMOTE = "remote-cpu";
export const BACKENDS = ["cpu", "wasm", REMOTE] as const;

export async function useBackend(name: string): Promise<void> {
  if (name === REMOTE && !tf.engine().registryFactory[REMOTE]) {
    const CpuBackend = tf.findBackend("cpu").constructor as new () => tf.KernelBackend;
    tf.registerBackend(REMOTE, () => new CpuBackend());
    for (const kernel of tf.getKernelsForBackend("cpu")) if (!kernel.kernelName.startsWith("Moekit")) tf.registerKernel({ ...kernel, backendName: REMOTE });
  }
  await tf.setBackend(name);
}

/** Standard balancing, check 2: four tokens, three experts. */
export const LOGITS = [[2, 1, 0], [0, 1, 2], [1, 1.5, 0.5], [3, 0, 1]];

/** What {@link routed} takes besides logits. */
export interface Routed {
  readonly k?: number;
  readonly layer?: number;
  readonly context?: RouteContext;
  readonly globalCounts?: readonly number[];
  /** Overrides parts of the routing. */
  readonly routing?: Partial<TokenChoice>;
}

/** A layer of a top-k softmax router. */
export function routed(logits: Tensor2D | number[][], { k = 1, layer = 0, context = {}, globalCounts, routing }: Routed = {}): LayerRouting {
  const logits_TE = Array.isArray(logits) ? tf.tensor2d(logits) : logits;
  const probs = tf.softmax(logits_TE);
  const { values, ids } = topK(probs, k);
  return {
    layer,
    context,
    routing: { kind: "token-choice", numExperts: logits_TE.shape[1], logits: logits_TE, probs, expertIds: ids, gates: values, ...routing },
    globalCounts: globalCounts && tf.tensor1d([...globalCounts]),
  };
}

export const valueOf = (scalar: tf.Tensor): number => scalar.dataSync()[0]!;

export function softmax64(row: readonly number[]): number[] {
  const exps = row.map((x) => Math.exp(x - Math.max(...row)));
  return exps.map((x) => x / sum(exps));
}

/** Ids of the k largest, ties to the lower id. */
export const best64 = (row: readonly number[], k: number): number[] => [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, k);

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/**
 * Compares a loss of logits with a float64 function: the value, and the gradient with its central differences. What the loss
 * treats as constant the function must not compute from its argument.
 */
export function expectSame(loss: (logits: Tensor2D) => Scalar, reference: (logits: number[][]) => number, at: number[][], tolerance = 1e-5): void {
  tf.tidy(() => {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss(x as Tensor2D))(tf.tensor2d(at));
    closeTo(valueOf(value), reference(at), tolerance);
    const gradient = grad.arraySync() as number[][];
    at.forEach((row, t) => row.forEach((_, e) => closeTo(gradient[t]![e]!, slope(reference, at, t, e), tolerance)));
  });
}

function slope(f: (logits: number[][]) => number, at: number[][], t: number, e: number): number {
  const step = 1e-5;
  const moved = (by: number) => f(at.map((row, i) => row.map((x, j) => (i === t && j === e ? x + by : x))));
  return (moved(step) - moved(-step)) / (2 * step);
}

export function closeTo(got: number, want: number, tolerance = 1e-5): void {
  expect(Math.abs(got - want), `got ${got}, want ${want}`).toBeLessThanOrEqual(tolerance * (1 + Math.abs(want)));
}

/** Runs `f` and expects it to leave no tensors. */
export function expectNoLeak(f: () => unknown): void {
  const before = tf.memory().numTensors;
  tf.tidy(() => void f());
  expect(tf.memory().numTensors).toBe(before);
}
