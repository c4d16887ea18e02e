/** The suite over the reference checkpoints: everything must come out as transformers 5.18 computes it. */
import * as tf from "@tensorflow/tfjs";
import { adamwStep, disposeParameters, trainableParameters } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../checkpoint/load-model.js";
import { generate } from "../generation/generate.js";
import { KeyValueCache } from "../generation/key-value-cache.js";
import type { MoeTransformer } from "../moe-transformer.js";
import type { HostTensor } from "../safetensors/host-tensor.js";
import { huggingFaceAuxLoss } from "../scoring/aux-loss.js";
import { recordedTrace } from "../scoring/recorded-trace.js";
import { nextTokenLoss, scoreModel } from "../scoring/score.js";
import { FAMILIES, OPTIONS, fixtureFolder, fixtureJson, fixtureTensors, maxDifference, relativeDifference, rowsOf } from "./fixtures.js";
import { underReferenceNames } from "./reference-names.js";

/** What transformers trains: cross entropy plus the weighted load-balancing loss. */
function trainingLoss(model: MoeTransformer, ids: tf.Tensor2D): tf.Scalar {
  const { logits, trace } = model.forward(ids);
  return tf.add(nextTokenLoss(logits, ids), tf.mul(huggingFaceAuxLoss(recordedTrace(trace, model.config)), model.config.auxLossCoefficient));
}

const toTensor = ({ shape, data }: HostTensor): tf.Tensor2D => tf.tensor2d(data, shape as [number, number], "int32");

/** Ids of the k largest values of each row, the lower id first among equals. */
function topIds({ shape, data }: HostTensor, k: number): number[] {
  const [rows, columns] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) => {
    const values = data.subarray(row * columns, (row + 1) * columns);
    return [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, k);
  }).flat();
}

function choosesByLogits({ config }: MoeTransformer): boolean {
  return config.layers.every(({ feedForward }) => feedForward.kind === "dense" || feedForward.router.name === "topK");
}

/** Gradients of all trainable parameters by path. */
function gradients(model: MoeTransformer, ids: tf.Tensor2D): { value: tf.Scalar; grads: tf.NamedTensorMap } {
  const variables = trainableParameters(model);
  const { value, grads } = tf.variableGrads(() => trainingLoss(model, ids), Object.values(variables));
  return { value, grads: Object.fromEntries(Object.entries(variables).map(([path, variable]) => [path, grads[variable.name]!])) };
}

/** Declares the tests of all checkpoints. `activate` makes the backend under test the active one. */
export function referenceSuite(activate: () => Promise<void>, fixtures: readonly string[] = [...FAMILIES, ...OPTIONS]): void {
  describe.each(fixtures)("%s", (family) => {
    let model: MoeTransformer;
    let expected: Record<string, HostTensor>;
    let scores: Record<string, HostTensor>;
    beforeAll(async () => {
      await activate();
      model = await loadModel(fixtureFolder(family));
      expected = await fixtureTensors(family, "expected.safetensors");
      scores = await scoreModel(model, rowsOf(expected.input_ids!));
    });
    afterAll(() => disposeParameters(model));

    it("logits and router logits are within 2e-4", () => {
      expect(scores.logits!.shape).toEqual(expected.logits!.shape);
      expect(maxDifference(scores.logits!.data, expected.logits!.data)).toBeLessThan(2e-4);
      const routers = Object.keys(expected).filter((name) => name.startsWith("router."));
      for (const name of routers) expect(maxDifference(scores[name.replace("router", "router_logits")]!.data, expected[name]!.data)).toBeLessThan(2e-4);
      if (routers.length > 0) expect(scores[`router_logits.${routers.length}`]).toBeUndefined();
    });

    it("expert ids are identical", () => {
      // Where the choice is not made by the logits alone, the logits of the model say whether it was right.
      if (!choosesByLogits(model)) return;
      for (const [name, { shape, data }] of Object.entries(scores).filter(([key]) => key.startsWith("expert_ids"))) {
        if (!expected[name.replace("expert_ids", "router")]) continue;
        expect([...data]).toEqual(topIds(expected[name.replace("expert_ids", "router")]!, shape[1]!));
      }
    });

    it("the last hidden states are within 2e-4", () => {
      const hidden = tf.tidy(() => model.forward(toTensor(expected.input_ids!)).hidden);
      expect(maxDifference(hidden.dataSync(), expected[`hidden.${model.layers.length}`]!.data)).toBeLessThan(2e-4);
      hidden.dispose();
    });

    it("loss and aux_loss are within 1e-5 relative", () => {
      if (expected.aux_loss) expect(relativeDifference(scores.aux_loss!.data, expected.aux_loss.data)).toBeLessThan(1e-5);
      expect(relativeDifference(scores.loss!.data, expected.loss!.data)).toBeLessThan(1e-5);
    });

    it("greedy continuation is identical", async () => {
      const [sequence] = rowsOf(expected.greedy!) as [number[]];
      const continued: number[] = [];
      for await (const id of generate(model, sequence.slice(0, 8), { maxNewTokens: 24, stop: [] })) continued.push(id);
      expect(continued).toEqual(sequence.slice(8));
    });

    it("cached decoding equals the full forward pass within 1e-4, in any pieces, of one sequence or two", () => {
      const V = model.config.vocabSize;
      const sequences = rowsOf(expected.input_ids!).slice(0, 2).map((row) => row.slice(0, 24));
      for (const rows of [sequences.slice(0, 1), sequences]) {
        const cache = new KeyValueCache();
        const pieces = rows.map((): number[] => []);
        for (const [from, to] of [[0, 10], [10, 11], [11, 12], [12, 20], [20, 24]] as const) {
          const logits = tf.tidy(() => model.forward(tf.tensor2d(rows.map((row) => row.slice(from, to)), undefined, "int32"), { cache }).logits.dataSync());
          pieces.forEach((piece, row) => piece.push(...logits.subarray(row * (to - from) * V, (row + 1) * (to - from) * V)));
        }
        cache.dispose();
        const length = expected.input_ids!.shape[1]!;
        pieces.forEach((piece, row) => expect(maxDifference(piece, scores.logits!.data.subarray(row * length * V, (row * length + 24) * V))).toBeLessThan(1e-4));
      }
    });

    it("gradients are within 1e-3 relative per tensor", async () => {
      const want = await fixtureTensors(family, "grads.safetensors");
      tf.tidy(() => {
        const got = underReferenceNames(model, gradients(model, toTensor(expected.input_ids!)).grads, Object.keys(want));
        for (const [name, { shape, data }] of Object.entries(want)) {
          expect(got[name]?.shape, name).toEqual(shape);
          expect(relativeDifference(got[name]!.data, data), name).toBeLessThan(1e-3);
        }
      });
    });

    it("the losses of 8 AdamW steps are within 1e-4 relative, and no tensor is left over", async () => {
      const { adamw_losses: want } = fixtureJson<{ adamw_losses: number[] }>(family, "train.json");
      const own = await loadModel(fixtureFolder(family));
      const variables = trainableParameters(own);
      const zeros = () => Object.fromEntries(Object.entries(variables).map(([path, { shape }]) => [path, tf.variable(tf.zeros(shape), false)]));
      const [m, v] = [zeros(), zeros()];
      const ids = toTensor(expected.input_ids!);
      const before = tf.memory().numTensors;
      const losses = want.map((_, index) =>
        tf.tidy(() => {
          const { value, grads } = gradients(own, ids);
          for (const [path, variable] of Object.entries(variables)) {
            const weightDecay = variable.rank > 1 ? 0.1 : 0;
            const next = adamwStep(variable, grads[path]!, m[path]!, v[path]!, { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay, step: index + 1 });
            variable.assign(next.param);
            m[path]!.assign(next.m);
            v[path]!.assign(next.v);
          }
          return value.dataSync()[0]!;
        }),
      );
      expect(tf.memory().numTensors).toBe(before);
      losses.forEach((loss, step) => expect(Math.abs(loss / want[step]! - 1), `step ${step}`).toBeLessThan(1e-4));
      disposeParameters(own);
      tf.dispose([ids, Object.values(m), Object.values(v)]);
    });
  });
}
