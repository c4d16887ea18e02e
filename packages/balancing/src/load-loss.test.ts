import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { loadLoss, type LoadLossOptions } from "./load-loss.js";
import { BACKENDS, closeTo, expectNoLeak, expectSame, LOGITS, routed, sum, useBackend, valueOf } from "./testing/layer-routing.js";

const NOISE = [[0.3, -0.2, 0.1], [-0.4, 0.6, 0.2], [0.1, 0.1, 0.5], [-0.6, 0.9, 0.3]];
const STD = [[0.5, 0.7, 0.6], [0.4, 0.9, 0.8], [1.1, 0.5, 0.6], [0.7, 0.8, 0.9]];

/** Noise of fixed size, so that the gradient to the logits goes through clean and noisy ones. */
function entryOf(logits: tf.Tensor2D, k: number, valid?: number[]) {
  const noisyLogits = tf.add(logits, tf.mul(NOISE, STD)) as tf.Tensor2D;
  return routed(logits, { k, context: { valid: valid && tf.tensor1d(valid) }, routing: { noisyLogits, extra: { noiseStd: tf.tensor2d(STD) } } });
}
const lossOf = (logits: tf.Tensor2D, k: number, options: LoadLossOptions = {}, valid?: number[]) => loadLoss(options).loss([entryOf(logits, k, valid)])[0]!.value;

/** The normal distribution function by Simpson's rule. */
function cdf64(x: number): number {
  const steps = 2000;
  const h = x / steps;
  const density = (i: number) => Math.exp(-((i * h) ** 2) / 2) / Math.sqrt(2 * Math.PI);
  return 0.5 + (h / 3) * sum(Array.from({ length: steps + 1 }, (_, i) => density(i) * (i === 0 || i === steps ? 1 : i % 2 ? 4 : 2)));
}

function load64(logits: number[][], k: number, threshold: "others" | "all"): number[] {
  const noisy = logits.map((row, t) => row.map((x, e) => x + NOISE[t]![e]! * STD[t]![e]!));
  const kth = (t: number, e: number) => noisy[t]!.filter((_, other) => threshold === "all" || other !== e).sort((a, b) => b - a)[k - 1]!;
  return [0, 1, 2].map((e) => sum(logits.map((row, t) => cdf64((row[e]! - kth(t, e)) / STD[t]![e]!))));
}

function cv64(values: number[], freedom: number): number {
  const mean = sum(values) / values.length;
  return sum(values.map((x) => (x - mean) ** 2)) / freedom / mean ** 2;
}

describe.each(BACKENDS)("loadLoss on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  // The error function of tfjs is good to 1.5e-7 absolute and its derivative is exact; the ratio of loads amplifies that.
  it.each([1, 2])("agrees with a float64 loop (k = %i)", (k) => {
    expectSame((x) => lossOf(x, k), (logits) => cv64(load64(logits, k, "others"), 2), LOGITS);
  });

  it("agrees with a float64 loop in the form of V-MoE", () => {
    expectSame((x) => lossOf(x, 1, { threshold: "all", variance: "population" }), (logits) => cv64(load64(logits, 1, "all"), 3), LOGITS);
  });

  it("leaves padding out", () => {
    const want = cv64(load64(LOGITS.slice(0, 3), 1, "others"), 2);
    closeTo(valueOf(lossOf(tf.tensor2d(LOGITS), 1, {}, [1, 1, 1, 0])), want);
  });

  it("needs noise, and fewer choices than experts", () => {
    expect(() => loadLoss().loss([routed(LOGITS)])).toThrow("must give noisyLogits and extra.noiseStd");
    expect(() => lossOf(tf.tensor2d(LOGITS), 3)).toThrow("topK must be below the 3 experts");
  });

  it("leaves no tensors behind", () => {
    const entry = entryOf(tf.tensor2d(LOGITS), 1);
    expectNoLeak(() => loadLoss().loss([entry]));
  });
});
