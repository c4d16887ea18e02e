import * as tf from "@tensorflow/tfjs";
import { disposeParameters, isMoekitError } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../checkpoint/load-model.js";
import type { MoeTransformer } from "../moe-transformer.js";
import { fixtureFolder, useBackend } from "../testing/fixtures.js";
import { huggingFaceAuxLoss } from "./aux-loss.js";
import { nextTokenLoss, scoreModel } from "./score.js";

describe("huggingFaceAuxLoss", () => {
  beforeAll(() => useBackend("cpu"));
  const entry = (logits: number[][], ids: number[][]) => {
    const logits_TE = tf.tensor2d(logits);
    const routing = { kind: "token-choice" as const, numExperts: 4, logits: logits_TE, probs: tf.softmax(logits_TE), expertIds: tf.tensor2d(ids, undefined, "int32"), gates: tf.ones([logits.length, ids[0]!.length]) as tf.Tensor2D };
    return { layer: 0, routing, context: {} };
  };
  const flat = [0, 0, 0, 0];

  it("is k at perfect balance, whatever the number of layers", () => {
    tf.tidy(() => {
      const even = () => entry([flat, flat], [[0, 1], [2, 3]]);
      expect(huggingFaceAuxLoss([even()]).dataSync()[0]).toBeCloseTo(2, 6);
      expect(huggingFaceAuxLoss([even(), even(), even()]).dataSync()[0]).toBeCloseTo(2, 6);
    });
  });

  it("sums 4 f P over the experts, with f and P averaged over all layers first", () => {
    // Layer 1 sends all to expert 0 with P = (e^2, 1, 1, 1) / (e^2 + 3), layer 2 all to expert 1 with even P.
    const p0 = Math.exp(2) / (Math.exp(2) + 3);
    const p1 = (1 - p0) / 3;
    const want = 4 * (0.5 * ((p0 + 0.25) / 2) + 0.5 * ((p1 + 0.25) / 2));
    tf.tidy(() => {
      expect(huggingFaceAuxLoss([entry([[2, 0, 0, 0]], [[0]]), entry([flat], [[1]])]).dataSync()[0]).toBeCloseTo(want, 6);
    });
  });

  it("is 0 without MoE layers", () => {
    const none = huggingFaceAuxLoss([]);
    expect(none.dataSync()[0]).toBe(0);
    none.dispose();
  });
});

describe("nextTokenLoss", () => {
  it("is ln V for even logits and leaves the last position out", () => {
    tf.tidy(() => {
      const even = tf.tensor3d([[[0, 0], [0, 0], [100, 0]]]);
      expect(nextTokenLoss(even, tf.tensor2d([[0, 1, 1]], undefined, "int32")).dataSync()[0]).toBeCloseTo(Math.log(2), 6);
    });
  });
});

describe("scoreModel", () => {
  let model: MoeTransformer;
  beforeAll(async () => {
    await useBackend("cpu");
    model = await loadModel(fixtureFolder("qwen3_moe"));
  });
  afterAll(() => disposeParameters(model));

  it("names the results by MoE layer, counted from 0, with their shapes", async () => {
    const before = tf.memory().numTensors;
    const scores = await scoreModel(model, [[1, 2, 3], [4, 5, 6]]);
    const shapes = Object.fromEntries(Object.entries(scores).map(([name, { shape }]) => [name, shape]));
    expect(shapes).toEqual({ logits: [2, 3, 160], loss: [], cross_entropy: [], aux_loss: [], "router_logits.0": [6, 8], "expert_ids.0": [6, 3], "gates.0": [6, 3] });
    expect(scores["expert_ids.0"]!.data).toBeInstanceOf(Int32Array);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([[[], "at least one sequence"], [[[1]], "at least 2 tokens"], [[[1, 2], [3]], "equal length"], [[[1, 160]], "token id 160"]])("refuses %j", async (ids, message) => {
    const error = await scoreModel(model, ids as number[][]).catch((reason: unknown) => reason);
    expect(isMoekitError(error, "data")).toBe(true);
    expect((error as Error).message).toContain(message);
  });
});
