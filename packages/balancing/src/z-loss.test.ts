import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, it } from "vitest";
import { BACKENDS, closeTo, expectNoLeak, expectSame, LOGITS, routed, sum, useBackend, valueOf } from "./testing/layer-routing.js";
import { zLoss } from "./z-loss.js";

const lossOf = (logits: tf.Tensor2D | number[][], valid?: number[]) => zLoss().loss([routed(logits, { context: { valid: valid && tf.tensor1d(valid) } })])[0]!.value;
const logSumExp = (row: number[]) => Math.log(sum(row.map(Math.exp)));

describe.each(BACKENDS)("zLoss on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("is the mean square of the log-sum-exps", () => {
    // 2.407606, 2.407606, 2.180270, 3.169846
    closeTo(valueOf(lossOf(LOGITS)), 6.598658);
    closeTo(valueOf(lossOf([[1, 0, 0, 0], [0, 0, 0, 0]])), 2.481096);
    closeTo(valueOf(lossOf([[0, 0, 0, 0]])), Math.log(4) ** 2); // 1.921812
  });

  it("agrees with a float64 loop", () => {
    expectSame((x) => lossOf(x), (logits) => sum(logits.map((row) => logSumExp(row) ** 2)) / logits.length, LOGITS);
  });

  it("leaves padding out", () => closeTo(valueOf(lossOf([...LOGITS, [50, 0, 0]], [1, 1, 1, 1, 0])), 6.598658));

  it("leaves no tensors behind", () => {
    const entry = routed(LOGITS);
    expectNoLeak(() => zLoss().loss([entry]));
  });
});
