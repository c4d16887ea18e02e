/** Only for tests: routers whose logits are their input, and comparisons with float64. */
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import type { Routing, TokenChoice } from "@moekit/core";
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

/** A gate of E experts whose logits are its input: the weight is the identity. */
export function identityGate(numExperts: number): { dim: number; numExperts: number; weight: Variable<Rank.R2> } {
  return { dim: numExperts, numExperts, weight: tf.tidy(() => tf.variable(tf.eye(numExperts))) };
}

export const ids = (routing: TokenChoice): number[][] => routing.expertIds.arraySync();
export const gates = (routing: Routing): number[][] => routing.gates.arraySync();

/** Logits whose softmax is these probabilities. */
export const logitsOf = (probs: number[][]): Tensor2D => tf.tensor2d(probs.map((row) => row.map(Math.log)));

export function allClose(got: ArrayLike<number>, want: ArrayLike<number>, tolerance = 1e-6): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < want.length; i++) expect(Math.abs(got[i]! - want[i]!), `entry ${i}: got ${got[i]}, want ${want[i]}`).toBeLessThanOrEqual(tolerance * (1 + Math.abs(want[i]!)));
}

export const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
export const sigmoid64 = (x: number): number => 1 / (1 + Math.exp(-x));

export function softmax64(row: readonly number[]): number[] {
  const exps = row.map((x) => Math.exp(x - Math.max(...row)));
  return exps.map((x) => x / sum(exps));
}

/** Gradient of `f` by central differences in float64. */
export function slopes64(f: (x: number[][]) => number, at: number[][]): number[] {
  const step = 1e-5;
  const moved = (t: number, e: number, by: number) => f(at.map((row, i) => row.map((x, j) => (i === t && j === e ? x + by : x))));
  return at.flatMap((row, t) => row.map((_, e) => (moved(t, e, step) - moved(t, e, -step)) / (2 * step)));
}

/** Compares `sum of weights * gates` and its gradient to the logits with a float64 function of the logits. */
export function expectGateGradient(route: (x: Tensor2D) => Routing, weights: number[][], reference: (x: number[][]) => number, at: number[][]): void {
  tf.tidy(() => {
    const objective = (x: tf.Tensor) => tf.sum(tf.mul(route(x as Tensor2D).gates, tf.tensor2d(weights))) as tf.Scalar;
    const { value, grad } = tf.valueAndGrad(objective)(tf.tensor2d(at));
    allClose(value.dataSync(), [reference(at)]);
    allClose(grad.dataSync(), slopes64(reference, at), 1e-5);
  });
}
