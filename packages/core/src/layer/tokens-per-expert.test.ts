import { PLAIN_BACKENDS, tokenChoice, useBackend } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { applyCapacity } from "./capacity.js";
import { tokensPerExpert } from "./tokens-per-expert.js";

describe.each(PLAIN_BACKENDS)("tokensPerExpert on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  const routing = () => tokenChoice([[0, 1], [0, -1], [2, 0]], [[1, 1], [1, 0], [1, 1]], 4);
  const base = () => ({ numExperts: 2, logits: tf.zeros([3, 2]) as tf.Tensor2D, probs: tf.zeros([3, 2]) as tf.Tensor2D });

  it("counts choices, not empty slots", () => {
    expect([...tokensPerExpert(routing()).dataSync()]).toEqual([3, 1, 1, 0]);
  });

  it("counts the tokens of an only expert", () => {
    expect([...tokensPerExpert(tokenChoice([[0], [-1], [0]], [[1], [0], [1]], 1)).dataSync()]).toEqual([2]);
  });

  it("leaves padding out", () => {
    expect([...tokensPerExpert(routing(), tf.tensor1d([1, 0, 1])).dataSync()]).toEqual([2, 1, 1, 0]);
  });

  it("counts what was chosen before capacity", () => {
    expect([...tokensPerExpert(applyCapacity(routing(), 1, "position")).dataSync()]).toEqual([3, 1, 1, 0]);
  });

  it("counts the tokens that experts chose", () => {
    const chosen = { ...base(), kind: "expert-choice" as const, tokenIds: tf.tensor2d([[2, 0], [2, -1]], [2, 2], "int32"), gates: tf.ones([2, 2]) as tf.Tensor2D };
    expect([...tokensPerExpert(chosen).dataSync()]).toEqual([2, 1]);
    expect([...tokensPerExpert(chosen, tf.tensor1d([1, 1, 0])).dataSync()]).toEqual([1, 0]);
  });

  it("counts every token for every expert of a dense mix", () => {
    const mix = { ...base(), kind: "dense-mix" as const, gates: tf.ones([3, 2]) as tf.Tensor2D };
    expect([...tokensPerExpert(mix, tf.tensor1d([1, 1, 0])).dataSync()]).toEqual([2, 2]);
  });
});
