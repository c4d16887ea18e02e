/**
 * Cases that feed the tests, gradient checks and benchmarks of an op on every backend. Not part of the published API.
 *
 * One float64 function per case is the reference for both directions: outputs are compared with it directly and gradients
 * with its central differences.
 */
import type { Tensor } from "@tensorflow/tfjs";
import type { Attrs } from "../define-op.js";

/** A plain array with a shape; numbers are float64 on the reference side. */
export interface HostArray {
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32";
  readonly data: Float64Array;
}

export type HostInputs = Record<string, HostArray>;

/** An op of whatever inputs; the suite only calls it with what its case builds. */
export interface AnyOp {
  readonly spec: { readonly name: string; readonly reference: (inputs: never, attrs: never) => Tensor | Tensor[] };
  readonly run: (inputs: never, attrs: never) => Tensor[];
}

export interface OpCase {
  /** A sentence about what is special here, e.g. "one expert gets no rows". */
  readonly name: string;
  readonly op: AnyOp;
  readonly inputs: () => HostInputs;
  readonly attrs?: Attrs;
  /** The op in float64 loops. */
  readonly reference: (inputs: HostInputs, attrs: Attrs) => HostArray[];
  /** Inputs to check gradients of; none for ops without gradient. */
  readonly differentiable?: readonly string[];
  /** Largest allowed |got - want| / (1 + |want|); default 1e-5 (float32 sums of a few hundred terms). */
  readonly tolerance?: number;
  /** Largest allowed gradient error in the same measure; default 1e-4. */
  readonly gradientTolerance?: number;
  /** Also a benchmark, with its number of floating point operations. */
  readonly bench?: { readonly flops: number };
}

/** Deterministic uniform numbers in [-scale, scale). */
export function uniform(shape: readonly number[], seed: number, scale = 1): HostArray {
  const next = mulberry32(seed);
  return { shape, dtype: "float32", data: Float64Array.from({ length: size(shape) }, () => Math.fround((2 * next() - 1) * scale)) };
}

export function int32(shape: readonly number[], values: ArrayLike<number>): HostArray {
  return { shape, dtype: "int32", data: Float64Array.from(values) };
}

export function float32(shape: readonly number[], values: ArrayLike<number>): HostArray {
  return { shape, dtype: "float32", data: Float64Array.from(values, Math.fround) };
}

export const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
