import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { switchLoss, type SwitchLossOptions } from "./switch-loss.js";
import { BACKENDS, best64, closeTo, expectNoLeak, expectSame, LOGITS, routed, softmax64, sum, useBackend, valueOf, type Routed } from "./testing/layer-routing.js";

const lossOf = (logits: tf.Tensor2D | number[][], options: SwitchLossOptions = {}, entry: Routed = {}) => switchLoss(options).loss([routed(logits, entry)])[0]!;

/** Shares of the choices, at one point. */
function shares64(logits: number[][], k: number): number[] {
  const chosen = logits.flatMap((row) => best64(row, k));
  return logits[0]!.map((_, e) => chosen.filter((id) => id === e).length / chosen.length);
}

const switch64 = (logits: number[][], f: number[]) => {
  const probs = logits.map(softmax64);
  return f.length * sum(f.map((share, e) => share * sum(probs.map((row) => row[e]! / probs.length))));
};

describe.each(BACKENDS)("switchLoss on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("is 1.107424 for one choice and 1.026020 for two on the numbers worked by hand", () => {
    // k = 1: counts [2, 1, 1], f = [.5, .25, .25], mean P = [.476566, .259487, .263948]; 3 * sum f P
    closeTo(valueOf(lossOf(LOGITS).value), 1.107424);
    // k = 2: counts [3, 3, 2]
    closeTo(valueOf(lossOf(LOGITS, {}, { k: 2 }).value), 1.02602);
  });

  it("has the gradient worked by hand, and each row of it sums to 0", () => {
    const gradient = tf.grad((x) => lossOf(x as tf.Tensor2D).value)(tf.tensor2d(LOGITS)).arraySync() as number[][];
    [0.041755, -0.030526, -0.01123].forEach((want, e) => closeTo(gradient[0]![e]!, want));
    for (const row of gradient) expect(Math.abs(sum(row))).toBeLessThan(1e-7);
  });

  it.each([1, 2])("agrees with a float64 loop, the load a constant (k = %i)", (k) => {
    const f = shares64(LOGITS, k);
    expectSame((x) => lossOf(x, {}, { k }).value, (logits) => switch64(logits, f), LOGITS);
  });

  it("differs by k between dividing by tokens and by choices, and counts only first choices as top1", () => {
    const assignments = valueOf(lossOf(LOGITS, { fNorm: "assignments" }, { k: 2 }).value);
    closeTo(valueOf(lossOf(LOGITS, { fNorm: "tokens" }, { k: 2 }).value), 2 * assignments);
    closeTo(valueOf(lossOf(LOGITS, { fNorm: "top1" }, { k: 2 }).value), 1.107424);
  });

  it("leaves padding out", () => {
    const padded = [...LOGITS, [9, -9, 0], [0, 0, 7]];
    const context = { valid: tf.tensor1d([1, 1, 1, 1, 0, 0]) };
    closeTo(valueOf(lossOf(padded, {}, { k: 2, context }).value), 1.02602);
  });

  it("counts choices before capacity", () => {
    const chosenIds = routed(LOGITS, { k: 2 }).routing as { expertIds: tf.Tensor2D };
    const expertIds = tf.fill([4, 2], -1, "int32") as tf.Tensor2D;
    closeTo(valueOf(lossOf(LOGITS, {}, { k: 2, routing: { chosenIds: chosenIds.expertIds, expertIds } }).value), 1.02602);
  });

  it("counts what a selection bias did not choose where asked to", () => {
    const biased = { expertIds: tf.tensor2d([[2], [2], [2], [2]], [4, 1], "int32") };
    closeTo(valueOf(lossOf(LOGITS, {}, { routing: biased }).value), 3 * 0.263948);
    closeTo(valueOf(lossOf(LOGITS, { countUnbiased: true }, { routing: biased }).value), 1.107424);
  });

  it("is 0 with a gradient of 0 where all tokens are padding", () => {
    const context = { valid: tf.zeros([4]) as tf.Tensor1D };
    const { value, grad } = tf.valueAndGrad((x) => lossOf(x as tf.Tensor2D, {}, { context }).value)(tf.tensor2d(LOGITS));
    expect([valueOf(value), ...grad.dataSync()].every((x) => x === 0)).toBe(true);
  });

  it("leaves no tensors behind", () => {
    const entry = routed(LOGITS, { k: 2 });
    expectNoLeak(() => switchLoss().loss([entry]));
  });
});

describe("switchLoss", () => {
  beforeEach(() => useBackend("cpu"));

  it("takes one coefficient, one for each layer, or a function of layer and step", () => {
    const trace = [routed(LOGITS, { layer: 1, context: { step: 5 } }), routed(LOGITS, { layer: 3, context: { step: 5 } })];
    const coefficients = (coefficient: SwitchLossOptions["coefficient"]) => switchLoss({ coefficient }).loss(trace).map((term) => term.coefficient);
    expect(coefficients(0.5)).toEqual([0.5, 0.5]);
    expect(coefficients([0.1, 0.2])).toEqual([0.1, 0.2]);
    expect(coefficients(({ layer, step }) => layer * step)).toEqual([5, 15]);
    expect(() => coefficients([0.1])).toThrow("one number for each of the 2 MoE layers; got 1");
    expect(switchLoss().loss(trace).map(({ name, layer }) => [name, layer])).toEqual([["switchLoss", 1], ["switchLoss", 3]]);
  });

  it("refuses to count first choices where experts choose", () => {
    const { logits, probs } = routed(LOGITS).routing;
    const routing = { kind: "expert-choice" as const, numExperts: 3, logits, probs, tokenIds: tf.tensor2d([[0], [1], [2]], [3, 1], "int32"), gates: tf.ones([3, 1]) as tf.Tensor2D };
    const loss = (fNorm: SwitchLossOptions["fNorm"]) => switchLoss({ fNorm }).loss([{ layer: 0, context: {}, routing }])[0]!.value;
    expect(() => loss("top1")).toThrow("needs token choice");
    closeTo(valueOf(loss("assignments")), 1); // even load: the mean probabilities sum to 1
  });

  it("equals its coefficient when the router is uniform, whatever was chosen", () => {
    const sizes = fc.record({ numTokens: fc.integer({ min: 1, max: 6 }), numExperts: fc.integer({ min: 2, max: 6 }), alpha: fc.double({ min: 0.001, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(5), { minLength: 6, maxLength: 6 }), ({ numTokens, numExperts, alpha }, choices) => {
        tf.tidy(() => {
          const expertIds = tf.tensor2d(choices.slice(0, numTokens).map((e) => [e % numExperts]), [numTokens, 1], "int32");
          const { coefficient, value } = lossOf(tf.zeros([numTokens, numExperts]), { coefficient: alpha }, { routing: { expertIds } });
          closeTo(coefficient * valueOf(value), alpha, 1e-6);
        });
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it("has no gradient when the load is even and the router uniform; an uneven load alone gives it one", () => {
    const slopes = (choice: number[]) => {
      const expertIds = tf.tensor2d(choice, [4, 1], "int32");
      return [...tf.grad((x) => lossOf(x as tf.Tensor2D, {}, { routing: { expertIds } }).value)(tf.zeros([4, 4])).dataSync()];
    };
    for (const slope of slopes([0, 1, 2, 3])) expect(Math.abs(slope)).toBeLessThan(1e-7);
    // E / T * P * (f - sum P f) = 4 / 4 * 1/4 * (1 - 1/4)
    closeTo(slopes([0, 0, 0, 0])[0]!, 0.1875);
  });
});
