import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { isMoekitError } from "../errors.js";
import { expertMlp, gatherRows, groupedMatmul, scatterRows, segmentedLora, sortByExpert, topK } from "./index.js";

const ints = (...values: number[]) => tf.tensor1d(values, "int32");
const bank = (...shape: [number, number, number]) => tf.zeros<tf.Rank.R3>(shape);
const rows = (...shape: [number, number]) => tf.zeros<tf.Rank.R2>(shape);

describe("ops refuse, naming function, argument, what must hold and what came:", () => {
  it.each([
    ["topK: scores must be [T, E] = [any, any]; got [3].", () => topK(tf.zeros([3]) as never, 1)],
    ["topK: k must be a whole number from 1 to E = 4; got 5.", () => topK(rows(2, 4), 5)],
    ["topK: k must be a whole number from 1 to E = 4; got 1.5.", () => topK(rows(2, 4), 1.5)],
    ["sortByExpert: expertIds must be int32; got float32.", () => sortByExpert(rows(2, 2), 3)],
    ["gatherRows: ids must be int32; got float32.", () => gatherRows(rows(2, 2), tf.tensor1d([0]))],
    ["scatterRows: ids must be [N] = [3]; got [2].", () => scatterRows(rows(3, 2), ints(0, 1), 4)],
    ["groupedMatmul: x must be [N, I] = [any, 5]; got [3, 4].", () => groupedMatmul(rows(3, 4), bank(2, 7, 5), ints(0, 1, 3))],
    ["groupedMatmul: offsets must be [E + 1] = [3]; got [2].", () => groupedMatmul(rows(3, 5), bank(2, 7, 5), ints(0, 3))],
    ["groupedMatmul: bias must be [E, O] = [2, 7]; got [2, 5].", () => groupedMatmul(rows(3, 5), bank(2, 7, 5), ints(0, 1, 3), rows(2, 5))],
    ["expertMlp: down must be [E, D, F] = [2, 3, 4]; got [2, 4, 3]. Weights are [out, in].", () => expertMlp(rows(1, 3), { up: bank(2, 4, 3), down: bank(2, 4, 3) }, ints(0, 1, 1), { activation: "relu" })],
    ['expertMlp: unknown name "swish"; known names are gelu, relu, silu.', () => expertMlp(rows(1, 3), { up: bank(2, 4, 3), down: bank(2, 3, 4) }, ints(0, 1, 1), { activation: "swish" as never })],
    ["segmentedLora: b must be [E, O, R] = [2, any, 4]; got [2, 3, 5].", () => segmentedLora(rows(1, 3), bank(2, 4, 3), bank(2, 3, 5), ints(0, 1, 1), 1)],
  ])("%s", (message, call) => {
    expect(call).toThrow(message);
    expect(isMoekitError(errorOf(call))).toBe(true);
  });
});

function errorOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}
