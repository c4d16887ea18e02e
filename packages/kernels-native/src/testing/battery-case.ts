/** Only for tests: what the cases of the battery are made of. */
import * as tf from "@tensorflow/tfjs";

/** One call; `run` makes its inputs too. */
export interface BatteryCase {
  readonly name: string;
  readonly run: () => tf.Tensor | tf.Tensor[];
  /** Largest allowed |got - want| / (1 + |want|). */
  readonly tolerance?: number;
}

/** Shapes without elements, with one, prime, beyond a vector, beyond a block. */
export const SHAPES: readonly number[][] = [[], [0], [1], [7], [8], [0, 3], [1, 1], [13, 5], [5, 0, 2], [2, 3, 5, 7], [33, 17], [1000]];

/**
 * What a tensor holds: numbers in [-3, 3); or also NaN, infinities and numbers at both ends of the range; or those without the
 * largest ones, whose sums are infinite in one order and finite in another.
 */
export type Values = "plain" | "special" | "summable";

const SPECIAL = [Number.NaN, Infinity, -Infinity, 0, -0, 1e-40, -1e-40, 3e38, -3e38, 100, -100, 1, -1, 0.5, 88, -104];
const SUMMABLE = [Number.NaN, Infinity, -Infinity, 0, -0, 1e-40, 100];

/** A tensor of reproducible numbers. */
export function numbers(shape: readonly number[], seed: number, values: Values = "plain", dtype: "float32" | "int32" | "bool" = "float32"): tf.Tensor {
  const next = generator(seed);
  const size = shape.reduce((a, b) => a * b, 1);
  const unusual = values === "special" ? SPECIAL : SUMMABLE;
  const draw = () => (values !== "plain" && next() < 0.4 ? unusual[Math.floor(next() * unusual.length)]! : next() * 6 - 3);
  if (dtype === "float32") return tf.tensor(Float32Array.from({ length: size }, draw), [...shape]);
  if (dtype === "int32") return tf.tensor(Int32Array.from({ length: size }, () => Math.floor(next() * 20) - 10), [...shape], "int32");
  return tf.tensor(Uint8Array.from({ length: size }, () => (next() < 0.5 ? 1 : 0)), [...shape], "bool");
}

/** Whole numbers from 0 to `end` - 1. */
export function indices(shape: readonly number[], end: number, seed: number): tf.Tensor {
  const next = generator(seed);
  return tf.tensor(Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.floor(next() * end)), [...shape], "int32");
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed + 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A case named by the op and what it is called with. */
export const call = (op: string, detail: unknown, run: BatteryCase["run"]): BatteryCase => ({ name: `${op} ${JSON.stringify(detail)}`, run });

/** Every pair. */
export const pairs = <A, B>(as: readonly A[], bs: readonly B[]): [A, B][] => as.flatMap((a) => bs.map((b): [A, B] => [a, b]));
