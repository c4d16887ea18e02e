import { exp } from "./exp.js";

/** An activation of the form `x * share(x)`. */
export interface Activation {
  share(x: number): number;
  /** Derivative of `x * share(x)`, given that share. */
  slope(x: number, share: number): number;
}

/** 1 / (1 + e^-x). */
export const sigmoid = (x: number): number => 1 / (1 + exp(-x));

const density = (x: number): number => exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);

/**
 * Phi(x), the share of a normal distribution below x, to 1e-7.
 * @source Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17.
 */
function normalShare(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = density(x) * series;
  return x < 0 ? tail : 1 - tail;
}

/** The activations of expertMlp by name. */
export const activations: Readonly<Record<string, Activation>> = {
  silu: { share: sigmoid, slope: (x, share) => share * (1 + x * (1 - share)) },
  gelu: { share: normalShare, slope: (x, share) => share + x * density(x) },
  relu: { share: (x) => (x > 0 ? 1 : 0), slope: (_x, share) => share },
};
