import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { deviceLoss } from "./device-loss.js";
import { switchLoss } from "./switch-loss.js";
import { BACKENDS, best64, closeTo, expectNoLeak, expectSame, LOGITS, routed, softmax64, sum, useBackend, valueOf } from "./testing/layer-routing.js";

const lossOf = (groups: number[][], logits: tf.Tensor2D | number[][], k = 2) => deviceLoss({ groups }).loss([routed(logits, { k })])[0]!.value;

/** DeepSeekMoE, check 2: f = (1.6, .8, .8, .8) is 2 of 5 choices for expert 0 and one for each other; P = (.4, .2, .2, .2). */
function checkTwo() {
  const logits = Array.from({ length: 5 }, () => [0.4, 0.2, 0.2, 0.2].map(Math.log));
  return routed(logits, { routing: { expertIds: tf.tensor2d([[0], [0], [1], [2], [3]], [5, 1], "int32") } });
}

describe.each(BACKENDS)("deviceLoss on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("is 1.04 where the expert-level loss is 1.12", () => {
    closeTo(valueOf(deviceLoss({ groups: [[0, 1], [2, 3]] }).loss([checkTwo()])[0]!.value), 1.04);
    closeTo(valueOf(switchLoss().loss([checkTwo()])[0]!.value), 1.12);
  });

  it("is the expert-level loss for one expert a device, and 1 without a gradient for one device", () => {
    closeTo(valueOf(lossOf([[0], [1], [2]], LOGITS)), 1.02602);
    const { value, grad } = tf.valueAndGrad((x) => lossOf([[0, 1, 2]], x as tf.Tensor2D))(tf.tensor2d(LOGITS));
    closeTo(valueOf(value), 1);
    for (const slope of grad.dataSync()) expect(Math.abs(slope)).toBeLessThan(1e-7);
  });

  it("agrees with a float64 loop over unequal groups, the load a constant", () => {
    const groups = [[2, 0], [1]];
    const f = [0, 1, 2].map((e) => (3 * sum(LOGITS.map((row) => Number(best64(row, 2).includes(e))))) / 8);
    const meanProb = (logits: number[][], e: number) => sum(logits.map((row) => softmax64(row)[e]!)) / logits.length;
    const reference = (logits: number[][]) => sum(groups.map((group) => (sum(group.map((e) => f[e]!)) / group.length) * sum(group.map((e) => meanProb(logits, e)))));
    expectSame((x) => lossOf(groups, x), reference, LOGITS);
  });

  it("refuses groups that leave an expert out, list one twice, or are empty", () => {
    for (const groups of [[[0], [1]], [[0, 1], [1, 2]], [[0, 1, 2], []], [[0, 1, 2, 3]]]) expect(() => lossOf(groups, LOGITS)).toThrow("groups must hold each of the experts 0 to 2 once");
    expect(() => deviceLoss({ groups: [0, 1] as never })).toThrow("deviceLoss: groups must be lists of expert ids, such as [[0, 1], [2, 3]]; got [0,1].");
  });

  it("leaves no tensors behind", () => {
    const entry = routed(LOGITS, { k: 2 });
    expectNoLeak(() => deviceLoss({ groups: [[0, 1], [2]] }).loss([entry]));
  });
});
