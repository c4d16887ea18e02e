import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { describeSettings } from "./testing/native.js";

/** A unit in the last place of float32. */
const UNIT = 1.2e-7;

/** Where, what it must be, and by how many units it may be off. */
const FUNCTIONS: [name: string, fast: (x: tf.Tensor) => tf.Tensor, exact: (x: number) => number, from: number, to: number, units: number][] = [
  ["exp", tf.exp, Math.exp, -87, 88.5, 1.5],
  ["log", tf.log, Math.log, 1e-30, 1e30, 1.5],
  ["log close to 1", tf.log, Math.log, 0.5, 2, 2],
  ["tanh", tf.tanh, Math.tanh, -12, 12, 2.5],
  ["tanh close to 0", tf.tanh, Math.tanh, -1e-3, 1e-3, 1.5],
  ["sigmoid", tf.sigmoid, (x) => 1 / (1 + Math.exp(-x)), -80, 80, 3],
  // In float64, rounded once.
  ["sin", tf.sin, Math.sin, -5e4, 5e4, 0.6],
  ["cos", tf.cos, Math.cos, -8e6, 8e6, 0.6],
  ["tan", tf.tan, Math.tan, -100, 100, 0.6],
  ["atan", tf.atan, Math.atan, -20, 20, 0.6],
  ["asin", tf.asin, Math.asin, -1, 1, 0.6],
  ["acos", tf.acos, Math.acos, -1, 1, 0.6],
  ["sinh", tf.sinh, Math.sinh, -88, 88, 0.6],
  ["sinh close to 0", tf.sinh, Math.sinh, 1e-20, 1, 0.6],
  ["asinh", tf.asinh, Math.asinh, 1e-20, 1e20, 0.6],
  ["acosh", tf.acosh, Math.acosh, 1, 50, 0.6],
  ["atanh", tf.atanh, Math.atanh, -0.999, 0.999, 0.6],
  ["expm1", tf.expm1, Math.expm1, -10, 80, 0.6],
  ["expm1 close to 0", tf.expm1, Math.expm1, 1e-20, 1, 0.6],
  ["log1p", tf.log1p, Math.log1p, 1e-20, 1e20, 0.6],
  ["softplus", tf.softplus, (x) => Math.log1p(Math.exp(x)), -80, 80, 0.6],
  ["pow", (x) => tf.pow(x, 3.7), (x) => x ** Math.fround(3.7), 1e-8, 1e8, 0.6],
  ["rsqrt", tf.rsqrt, (x) => 1 / Math.sqrt(x), 1e-20, 1e20, 1.5],
];

describeSettings(({ threads }) => {
  it.runIf(threads === 1).each(FUNCTIONS)("%s is exact to some units in the last place", (_name, fast, exact, from, to, units) => {
    const x = sweep(from, to, 20_000);
    const got = tf.tidy(() => fast(tf.tensor1d(x)).dataSync());
    const worst = x.reduce((most, value, i) => Math.max(most, Math.abs(got[i]! / exact(value) - 1) || 0), 0);
    expect(worst / UNIT).toBeLessThan(units);
  });

  it.runIf(threads === 1)("exp ends in 0 and infinity, log in minus infinity and NaN, and NaN stays", () => {
    const y = tf.tidy(() => [tf.exp([-104, -200, -Infinity, 89, Infinity, Number.NaN]), tf.log([0, -0, -1, Infinity, Number.NaN, 1e-42])].map((t) => Array.from(t.dataSync())) as never) as unknown as number[][];
    expect(y[0]).toEqual([0, 0, 0, Infinity, Infinity, Number.NaN]);
    expect(y[1]!.slice(0, 5)).toEqual([-Infinity, -Infinity, Number.NaN, Infinity, Number.NaN]);
    expect(y[1]![5]).toBeCloseTo(Math.log(Math.fround(1e-42)), 4);
  });
});

/** Evenly spaced, or by factors where both ends are positive and far apart. */
function sweep(from: number, to: number, count: number): Float32Array {
  const factor = from > 0 && to / from > 100 ? (to / from) ** (1 / (count - 1)) : 0;
  return Float32Array.from({ length: count }, (_, i) => (factor ? from * factor ** i : from + ((to - from) * i) / (count - 1)));
}
