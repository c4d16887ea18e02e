import * as tf from "@tensorflow/tfjs";
import { disposeParameters, isMoekitError, parameters, type RouteContext } from "@moekit/core";
import { beforeAll, describe, expect, it } from "vitest";
import { createModel } from "./create-model.js";
import { parseConfig } from "./config/parse-config.js";
import { nextTokenLoss } from "./scoring/score.js";
import { useBackend } from "./testing/fixtures.js";

const sizes = { vocab_size: 65, hidden_size: 32, num_hidden_layers: 3, num_attention_heads: 4, num_key_value_heads: 2, max_position_embeddings: 64 };
const experts = { num_experts: 4, num_experts_per_tok: 2, moe_intermediate_size: 16, intermediate_size: 24 };
const config = parseConfig({ model_type: "qwen3_moe", ...sizes, ...experts, mlp_only_layers: [1], norm_topk_prob: true });
const someIds = (batch: number, length: number) => tf.tensor2d(Array.from({ length: batch * length }, (_, i) => (i * 31 + 7) % 65), [batch, length], "int32");

describe("MoeTransformer", () => {
  beforeAll(() => useBackend("cpu"));

  it("hands routers the layer, position and sequence of each token and the layer before, and keeps what the caller gave", () => {
    const model = createModel(config, { seed: 1 });
    tf.tidy(() => {
      const domainIds = tf.tensor1d([1, 1, 1, 0, 0, 0], "int32");
      const { trace } = model.forward(someIds(2, 3), { context: { training: true, step: 5, domainIds } });
      expect(trace.map(({ layer }) => layer)).toEqual([0, 2]);
      const [first, second] = trace.map(({ context }) => context) as [RouteContext, RouteContext];
      expect(first).toMatchObject({ training: true, step: 5, layer: 0, previous: undefined });
      expect(second.layer).toBe(2);
      expect(second.previous).toBe(trace[0]!.routing);
      expect(second.domainIds).toBe(domainIds);
      expect([...first.positions!.dataSync()]).toEqual([0, 1, 2, 0, 1, 2]);
      expect([...first.sequenceIds!.dataSync()]).toEqual([0, 0, 0, 1, 1, 1]);
    });
    disposeParameters(model);
  });

  it("puts the global counts into the trace in its order", () => {
    const model = createModel(config, { seed: 1 });
    tf.tidy(() => {
      const globalCounts = [tf.ones([4]), tf.zeros([4])] as tf.Tensor1D[];
      const { trace } = model.forward(someIds(1, 3), { globalCounts });
      expect(trace.map((entry) => entry.globalCounts)).toEqual(globalCounts);
    });
    disposeParameters(model);
  });

  it("a sequence does not depend on its neighbours in the batch, nor a token on those after it", () => {
    const model = createModel(config, { seed: 2 });
    tf.tidy(() => {
      const logits = (rows: number[][]) => model.forward(tf.tensor2d(rows, undefined, "int32")).logits.arraySync();
      const [[a], [b, c]] = [logits([[1, 2, 3, 4]]), logits([[9, 8, 7, 6], [1, 2, 3, 50]])] as [number[][][], number[][][]];
      expect(b).not.toEqual(a);
      for (const position of [0, 1, 2]) a![position]!.forEach((value, token) => expect(c![position]![token]).toBeCloseTo(value, 5));
    });
    disposeParameters(model);
  });

  it("lastOnly gives the last row of the logits", () => {
    const model = createModel(config, { seed: 3 });
    tf.tidy(() => {
      const [all, last] = [model.forward(someIds(2, 5)).logits, model.forward(someIds(2, 5), { lastOnly: true }).logits];
      expect(last.shape).toEqual([2, 1, 65]);
      const difference = tf.max(tf.abs(tf.sub(tf.slice(all, [0, 4, 0], [2, 1, 65]), last))).dataSync()[0]!;
      expect(difference).toBeLessThan(1e-6);
    });
    disposeParameters(model);
  });

  it("leaves only what it returns", () => {
    const model = createModel(config, { seed: 4 });
    const ids = someIds(2, 4);
    const before = tf.memory().numTensors;
    tf.dispose(model.forward(ids) as unknown as tf.TensorContainer);
    expect(tf.memory().numTensors).toBe(before);
    ids.dispose();
    disposeParameters(model);
    expect(tf.memory().numTensors).toBe(before - 1 - Object.keys(parameters(model)).length);
  });

  it("refuses ids of another shape or type", () => {
    const model = createModel(config, { seed: 5 });
    tf.tidy(() => {
      const refused = (ids: tf.Tensor) => expect(() => model.forward(ids as tf.Tensor2D)).toThrow(expect.toSatisfy((error: unknown) => isMoekitError(error, "shape")) as Error);
      refused(tf.tensor1d([1, 2], "int32"));
      refused(tf.tensor2d([[1, 2]]));
    });
    disposeParameters(model);
  });
});

describe("createModel", () => {
  beforeAll(() => useBackend("cpu"));

  it("the first loss is ln V", () => {
    for (const tie_word_embeddings of [false, true]) {
      const model = createModel(parseConfig({ ...config.source, tie_word_embeddings }), { seed: 6 });
      const loss = tf.tidy(() => nextTokenLoss(model.forward(someIds(4, 16)).logits, someIds(4, 16)).dataSync()[0]!);
      // ln 65 = 4.174; logits of standard deviation 0.02 sqrt(32) = .11 add half their variance, .006.
      expect(Math.abs(loss - Math.log(65))).toBeLessThan(0.05);
      disposeParameters(model);
    }
  });

  it("weights have the spread of the recipe, norms are 1", () => {
    const wide = parseConfig({ ...config.source, hidden_size: 192, head_dim: 16, num_hidden_layers: 2, mlp_only_layers: [1] });
    const model = createModel(wide, { seed: 7 });
    const std = (path: string) => tf.tidy(() => tf.moments(parameters(model)[path]!).variance.sqrt().dataSync()[0]!);
    // Cutting at 3 standard deviations leaves 98.7 % of the spread.
    for (const [path, want] of [["embedding.weight", 0.02], ["head.weight", 0.02], ["layers.0.attention.query.weight", 0.02], ["layers.0.moe.experts.gate", 0.02], ["layers.1.dense.up.weight", 0.02], ["layers.0.attention.output.weight", 0.01], ["layers.0.moe.experts.down", 0.01], ["layers.1.dense.down.weight", 0.01]] as const)
      expect(std(path) / (0.987 * want), path).toBeCloseTo(1, 1);
    expect(std("norm.weight")).toBe(0);
    disposeParameters(model);
  });

  it("the same seed gives the same weights, another seed others, and no two parameters are alike", () => {
    const weights = (seed: number) => {
      const model = createModel(config, { seed });
      const values = Object.values(parameters(model)).filter(({ rank }) => rank > 1).map((variable) => variable.dataSync().slice(0, 8).join());
      disposeParameters(model);
      return values;
    };
    expect(weights(8)).toEqual(weights(8));
    expect(weights(8)).not.toEqual(weights(9));
    expect(new Set(weights(8)).size).toBe(weights(8).length);
  });

  it("models of width 128 and less start wider", () => {
    const model = createModel(config, { seed: 1 });
    // min(0.02 sqrt(768 / 32), 1 / sqrt(32)) = .098
    const std = tf.tidy(() => tf.moments(parameters(model)["layers.0.moe.experts.up"]!).variance.sqrt().dataSync()[0]!);
    expect(std).toBeCloseTo(0.987 * 0.098, 2);
    disposeParameters(model);
  });
});
