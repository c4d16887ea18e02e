import * as tf from "@tensorflow/tfjs";
import { disposeParameters, gatherRows } from "@moekit/core";
import { beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../config/parse-config.js";
import { createModel } from "../create-model.js";
import { fixtureJson, useBackend } from "../testing/fixtures.js";
import { withoutPaddingGradient } from "./padding-gradient.js";

beforeAll(() => useBackend("cpu"));

describe("withoutPaddingGradient", () => {
  it("leaves values as they are, and gives the row of padding no gradient", () => {
    const table = tf.tensor2d([[1, 2], [3, 4], [5, 6]]);
    const ids = tf.tensor1d([2, 1, 2, 0], "int32");
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const look = (of: tf.Tensor2D) => withoutPaddingGradient(gatherRows(of, ids), ids, 1);
      expect(look(table).arraySync()).toEqual([[5, 6], [3, 4], [5, 6], [1, 2]]);
      // Row 2 is there twice.
      expect(tf.grad((of) => tf.mul(look(of as tf.Tensor2D), tf.tensor2d([[1], [10], [100], [1000]])))(table).arraySync()).toEqual([[1000, 1000], [0, 0], [101, 101]]);
    });
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([table, ids]);
  });

  it("holds for the pad_token_id of a model, whose head still learns of it", () => {
    const embeddingGradient = (pad: number | null) => {
      const model = createModel(parseConfig({ ...fixtureJson<object>("llama", "config.json"), tie_word_embeddings: false, pad_token_id: pad }), { seed: 1 });
      const [table, head] = [model.embedding.weight as tf.Variable, model.head!.weight as tf.Variable];
      const { grads } = tf.tidy(() => tf.variableGrads(() => tf.sum(tf.square(model.forward(tf.tensor2d([[7, 9]], undefined, "int32")).logits)) as tf.Scalar, [table, head]));
      const norms = [grads[table.name]!, grads[head.name]!].map((gradient) => tf.tidy(() => tf.norm(tf.gather(gradient, [7], 0)).dataSync()[0]!));
      tf.dispose(grads);
      disposeParameters(model);
      return norms;
    };
    const [free, padded] = [embeddingGradient(null), embeddingGradient(7)];
    expect(free[0]).toBeGreaterThan(0);
    expect(padded[0]).toBe(0);
    expect(padded[1]).toBe(free[1]);
  });
});
