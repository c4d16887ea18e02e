import * as tf from "@tensorflow/tfjs";
import { tokensPerExpert, type RoutingTrace } from "@moekit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { CountBuffer } from "./count-buffer.js";
import { bufferedGlobalBatchLoss, globalBatchLoss } from "./global-batch-loss.js";
import { sequenceLoss } from "./sequence-loss.js";
import { switchLoss } from "./switch-loss.js";
import { BACKENDS, closeTo, expectNoLeak, LOGITS, routed, sum, useBackend, valueOf } from "./testing/layer-routing.js";

const logits = (probs: number[][]) => probs.map((row) => row.map(Math.log));
/** Two groups of two tokens, E = 2, k = 1: f = (1, 0) and (0, 1), mean P = (.9, .1) and (.1, .9). */
const GROUPS = [logits([[0.9, 0.1], [0.9, 0.1]]), logits([[0.1, 0.9], [0.1, 0.9]])];
const GLOBAL_COUNTS = [2, 2];

const globalLoss = (x: tf.Tensor2D | number[][], globalCounts?: readonly number[]) => globalBatchLoss().loss([routed(x, { globalCounts })])[0]!.value;
const microLoss = (x: tf.Tensor2D | number[][]) => switchLoss().loss([routed(x)])[0]!.value;
const countsOf = (x: number[][]): number[] => [...tokensPerExpert(routed(x).routing).dataSync()];

describe.each(BACKENDS)("globalBatchLoss on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("is 1.0 where the micro-batch losses are 1.8 (check 1)", () => {
    closeTo(sum(GROUPS.map((group) => valueOf(microLoss(group)))) / 2, 1.8);
    closeTo(valueOf(microLoss(GROUPS.flat())), 1);
    closeTo(sum(GROUPS.map((group) => valueOf(globalLoss(group, GLOBAL_COUNTS)))) / 2, 1);
  });

  it("equals the micro-batch loss for identical groups, and all scopes agree for one (check 3)", () => {
    const counts = countsOf(LOGITS).map((count) => 3 * count);
    closeTo(valueOf(globalLoss(LOGITS, counts)), valueOf(microLoss(LOGITS)));
    const context = { sequenceIds: tf.zeros([4], "int32") as tf.Tensor1D };
    const trace = [routed(LOGITS, { context })];
    for (const term of [globalBatchLoss(), switchLoss(), sequenceLoss({ numSequences: 1 })]) closeTo(valueOf(term.loss(trace)[0]!.value), 1.107424);
  });

  it("averaged over groups has the gradient of the concatenated batch at the router weight (check 4)", () => {
    const weight = tf.randomNormal<tf.Rank.R2>([3, 4], 0, 1, "float32", 3);
    const groups = [1, 2].map((seed) => tf.randomNormal<tf.Rank.R2>([6, 4], 0, 1, "float32", seed));
    const logitsOf = (x: tf.Tensor2D, w: tf.Tensor) => tf.matMul(x, w as tf.Tensor2D, false, true) as tf.Tensor2D;
    const all = tf.concat2d(groups, 0);
    const counts = countsOf(logitsOf(all, weight).arraySync());
    const want = tf.grad((w) => microLoss(logitsOf(all, w)))(weight).dataSync();
    const parts = groups.map((x) => tf.grad((w) => globalLoss(logitsOf(x, w), counts))(weight).dataSync());
    want.forEach((slope: number, i: number) => expect(Math.abs(slope - (parts[0]![i]! + parts[1]![i]!) / 2)).toBeLessThan(1e-6));
  });

  it("takes counts, so that groups of unequal size weigh by their tokens (check 5)", () => {
    const rows = [...LOGITS, ...LOGITS.map((row) => [...row].reverse())];
    const groups = [rows.slice(0, 3), rows.slice(3)]; // 3 and 5 tokens
    const counts = groups.map(countsOf);
    const summed = counts[0]!.map((count, e) => count + counts[1]![e]!);
    expect(summed).toEqual(countsOf(rows));
    const naive = counts[0]!.map((count, e) => count / 3 + counts[1]![e]! / 5);
    const loss = (f: number[]) => (3 * valueOf(globalLoss(groups[0]!, f)) + 5 * valueOf(globalLoss(groups[1]!, f))) / 8;
    closeTo(loss(summed), valueOf(microLoss(rows)));
    expect(Math.abs(loss(naive) - valueOf(microLoss(rows)))).toBeGreaterThan(1e-3);
  });

  it("without global counts takes this micro-batch for the whole", () => closeTo(valueOf(globalLoss(LOGITS)), 1.107424));

  it("leaves no tensors behind", () => {
    const entry = routed(LOGITS, { globalCounts: [1, 2, 1] });
    expectNoLeak(() => globalBatchLoss().loss([entry]));
  });
});

describe.each(BACKENDS)("bufferedGlobalBatchLoss on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("is 1.8, then 1.0, and after the optimiser step the micro-batch's own again (check 2)", () => {
    const buffer = new CountBuffer();
    const step = (group: number[][]) => {
      const trace: RoutingTrace = [routed(group, { layer: 4 })];
      buffer.add(trace);
      return valueOf(bufferedGlobalBatchLoss({ buffer }).loss(trace)[0]!.value);
    };
    closeTo(step(GROUPS[0]!), 1.8);
    closeTo(step(GROUPS[1]!), 1);
    expect([...buffer.counts(4).dataSync()]).toEqual([2, 2]);
    buffer.reset();
    expect(() => buffer.counts(4)).toThrow("nothing was added for layer 4");
    closeTo(step(GROUPS[0]!), 1.8);
    buffer.reset();
  });

  it("keeps one tensor a layer, even when filled inside a gradient, and none after a reset", () => {
    const buffer = new CountBuffer();
    const x = tf.tensor2d(LOGITS);
    const before = tf.memory().numTensors;
    for (let micro = 0; micro < 3; micro++) {
      const gradient = tf.grad((row) => {
        const trace = [routed(row as tf.Tensor2D)];
        buffer.add(trace);
        return bufferedGlobalBatchLoss({ buffer }).loss(trace)[0]!.value;
      })(x);
      expect(gradient.dataSync().some((slope) => slope !== 0)).toBe(true);
      gradient.dispose();
      expect(tf.memory().numTensors).toBe(before + 1);
    }
    buffer.reset();
    expect(tf.memory().numTensors).toBe(before);
  });
});

it("the buffered loss wants a buffer", () => {
  expect(() => bufferedGlobalBatchLoss({ buffer: {} as CountBuffer })).toThrow("bufferedGlobalBatchLoss: buffer must be a CountBuffer; got {}.");
});

it("only the exact loss asks the trainer for global counts", () => {
  expect([globalBatchLoss().scope, bufferedGlobalBatchLoss({ buffer: new CountBuffer() }).scope]).toEqual(["global-batch", "micro-batch"]);
});
