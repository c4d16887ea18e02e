import * as tf from "@tensorflow/tfjs";
import type { HostInputs } from "@moekit/core/cases";
import { expect } from "vitest";
import "./close-to.js";
import { toTensor, valuesOf } from "./host-arrays.js";
import { withoutReads } from "./reads.js";

/** What {@link gradCheck} compares. */
export interface GradCheck {
  /** On tensors of the active backend; a loss or any other tensor. */
  readonly run: (inputs: Record<string, tf.Tensor>) => tf.Tensor;
  /** The values of the same in float64. */
  readonly reference: (inputs: HostInputs) => ArrayLike<number>;
  readonly inputs: HostInputs;
  /** Inputs to differentiate by; default: all of float32. */
  readonly by?: readonly string[];
  /** Largest `|got - want| / (1 + |want|)`. */
  readonly tolerance: number;
  /** True if the gradient must be computed without reading tensors back. */
  readonly forbidReads?: boolean;
}

/**
 * Fails unless gradients of `run` are the central differences of `reference`. Of many outputs it takes a sum with uneven
 * weights (1 for the first), so that a gradient which mixes up elements shows.
 *
 * @example await gradCheck({
 *   run: ({ x }) => tf.square(x!),
 *   reference: ({ x }) => x!.data.map((value) => value ** 2),
 *   inputs: { x: uniform([3], 1) },
 *   tolerance: 1e-6,
 * });
 */
export async function gradCheck(check: GradCheck): Promise<void> {
  const { inputs, reference, tolerance } = check;
  const names = check.by ?? Object.keys(inputs).filter((name) => inputs[name]!.dtype === "float32");
  const grads = check.forbidReads ? withoutReads(() => gradients(check, names)) : gradients(check, names);
  expect(grads.map((grad) => grad.shape)).toEqual(names.map((name) => inputs[name]!.shape));
  for (const [i, got] of (await valuesOf(grads)).entries()) {
    const name = names[i]!;
    const lossAt = (data: Float64Array) => weightedSum(reference({ ...inputs, [name]: { ...inputs[name]!, data } }));
    expect(got, `gradient of ${name}`).toBeCloseToArray(centralDifferences(lossAt, inputs[name]!.data), tolerance);
  }
}

/**
 * Derivative of a float64 function by each element: `(f(x + h) - f(x - h)) / 2h`, right to about 1e-10 for h = 1e-5.
 * @example centralDifferences(([x]) => x! ** 2, Float64Array.of(3)); // about [6]
 */
export function centralDifferences(f: (x: Float64Array) => number, x: Float64Array, step = 1e-5): Float64Array {
  const at = (i: number, shift: number) => f(x.with(i, x[i]! + shift));
  return x.map((_, i) => (at(i, step) - at(i, -step)) / (2 * step));
}

function gradients({ run, inputs }: GradCheck, names: readonly string[]): tf.Tensor[] {
  return tf.tidy(() => {
    const tensors = Object.fromEntries(Object.entries(inputs).map(([name, array]) => [name, toTensor(array)]));
    const f = (...given: tf.Tensor[]) => run({ ...tensors, ...Object.fromEntries(names.map((name, i) => [name, given[i]!])) });
    const { shape, size } = run(tensors);
    const dy = tf.tensor(Float32Array.from({ length: size }, (_, i) => weight(i)), shape);
    return tf.grads(f)(names.map((name) => tensors[name]!), dy);
  });
}

const weight = (i: number): number => Math.fround(Math.cos(1.7 * i));

function weightedSum(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * weight(i);
  return sum;
}
