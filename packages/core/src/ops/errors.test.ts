import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { isMoekitError } from "../errors.js";
import { bf16 } from "../packed.js";
import type { PackedMatrix } from "../packed/index.js";
import { adamwStep, attention, crossEntropy, expertMlp, gatherRows, groupedMatmul, linear, packedExpertMlp, packedGatherRows, packedMatmul, rmsNorm, rotary, scatterRows, segmentedLora, sortByExpert, swiglu, topK } from "./index.js";

const ints = (...values: number[]) => tf.tensor1d(values, "int32");
const bank = (...shape: [number, number, number]) => tf.zeros<tf.Rank.R3>(shape);
const heads = (...shape: [number, number, number, number]) => tf.zeros<tf.Rank.R4>(shape);
const causal = { causal: true, scale: 1 };
const adamw = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0, step: 1 };
const packed = (numRows: number, columns: number): PackedMatrix => ({ format: bf16, shape: [numRows, columns], bytes: new Uint8Array(2 * numRows * columns) });
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
    ["linear: x must be float32 [..., I] = [..., 3]; got float32 [2, 4]. Weights are [out, in].", () => linear(rows(2, 4), rows(4, 3))],
    ["linear: bias must be [O] = [4]; got [3].", () => linear(rows(2, 3), rows(4, 3), tf.zeros([3]))],
    ["swiglu: up must be the shape of gate = [2, 3]; got [3, 2].", () => swiglu(rows(2, 3), rows(3, 2))],
    ["rmsNorm: x must be float32 [..., D] = [..., 4]; got float32 [2, 3].", () => rmsNorm(rows(2, 3), tf.ones([4]), 1e-6)],
    ["rmsNorm: eps must be above 0; got 0.", () => rmsNorm(rows(2, 3), tf.ones([3]), 0)],
    ["rotary: cos must be [S, r/2] = [5, any]; got [4, 2].", () => rotary(heads(1, 5, 1, 4), rows(4, 2), rows(4, 2), "half")],
    ["rotary: cos turns 6 dimensions, but heads have 4.", () => rotary(heads(1, 5, 1, 4), rows(5, 3), rows(5, 3), "half")],
    ["attention: the 2 heads of keys must divide the 3 heads of queries.", () => attention(heads(1, 2, 3, 4), heads(1, 2, 2, 4), heads(1, 2, 2, 4), causal)],
    ["attention: v must be [B, L, G, e] = [1, 2, 1, any]; got [1, 3, 1, 4].", () => attention(heads(1, 2, 1, 4), heads(1, 2, 1, 4), heads(1, 3, 1, 4), causal)],
    ["attention: 3 queries need at least as many keys where attention is causal or has a window; got 2.", () => attention(heads(1, 3, 1, 4), heads(1, 2, 1, 4), heads(1, 2, 1, 4), causal)],
    ["attention: window must be a whole number from 1; got 0.", () => attention(heads(1, 2, 1, 4), heads(1, 2, 1, 4), heads(1, 2, 1, 4), { ...causal, window: 0 })],
    ["crossEntropy: targets must be [T] = [2]; got [3].", () => crossEntropy(rows(2, 3), ints(0, 1, 2))],
    ["crossEntropy: targets must be int32; got float32.", () => crossEntropy(rows(2, 3), tf.zeros([2]))],
    ["adamwStep: v must be the shape of param = [2]; got [3].", () => adamwStep(tf.zeros([2]), tf.zeros([2]), tf.zeros([2]), tf.zeros([3]), adamw)],
    ["adamwStep: step must be a whole number from 1; got 0.", () => adamwStep(tf.zeros([2]), tf.zeros([2]), tf.zeros([2]), tf.zeros([2]), { ...adamw, step: 0 })],
    ["packedMatmul: x must be float32 [..., I] = [..., 2]; got float32 [1, 3].", () => packedMatmul(rows(1, 3), { format: bf16, shape: [1, 2], bytes: new Uint8Array(4) })],
    ["packedMatmul: a packed matrix [1, 2] of bf16 has 4 bytes; got 3.", () => packedMatmul(rows(1, 2), { format: bf16, shape: [1, 2], bytes: new Uint8Array(3) })],
    ["packedGatherRows: ids must be int32; got float32.", () => packedGatherRows(packed(2, 3), tf.tensor1d([1]))],
    ["unpackRows: rows 2 to 3 are not within the 2 rows.", () => packedGatherRows(packed(2, 3), ints(2))],
    ["packedExpertMlp: up must be [E * F, D] for the E = 2 experts of offsets; got [5, 3].", () => packedExpertMlp(rows(4, 3), { up: packed(5, 3), down: packed(6, 2) }, ints(0, 1, 4), { activation: "relu" })],
    ["packedExpertMlp: down must be [E * D, F] = [6, 2]; got [6, 3].", () => packedExpertMlp(rows(4, 3), { up: packed(4, 3), down: packed(6, 3) }, ints(0, 1, 4), { activation: "relu" })],
    ["packedExpertMlp: gateBias needs a gate; got none.", () => packedExpertMlp(rows(4, 3), { up: packed(4, 3), down: packed(6, 2), gateBias: rows(2, 2) }, ints(0, 1, 4), { activation: "relu" })],
    ['packedExpertMlp: unknown name "tanh"; known names are gelu, relu, silu.', () => packedExpertMlp(rows(4, 3), { up: packed(4, 3), down: packed(6, 2) }, ints(0, 1, 4), { activation: "tanh" as "relu" })],
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
