/** The reference checkpoint: everything must come out as transformers 5.18 computes it. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { crossEntropy, disposeParameters, parameters, trainableParameters, type RouteContext } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expertCaches } from "../blocks/expert-cache.js";
import { convertCheckpoint } from "../checkpoint/convert.js";
import type { LoadOptions } from "../checkpoint/load-options.js";
import type { HostTensor } from "../safetensors/host-tensor.js";
import { BACKENDS, fixtureFolder, fixtureJson, fixtureTensors, maxDifference, relativeDifference, rowsOf, useBackend } from "../testing/fixtures.js";
import { loadEncoderDecoder, saveEncoderDecoder } from "./checkpoint.js";
import { DecoderCache } from "./decoder-cache.js";
import { EncoderDecoder } from "./encoder-decoder.js";
import { generateFromEncoder } from "./generate.js";
import { parseEncoderDecoderConfig } from "./parse-config.js";
import { encoderDecoderPlaces } from "./places.js";
import { scoreEncoderDecoder } from "./score.js";

/** Gradients of the cross entropy of the decoder's input, under the names of files. */
function gradientsByName(model: EncoderDecoder, input: number[][], output: number[][]): Map<string, Float32Array> {
  const variables = trainableParameters(model);
  const used = Object.entries(variables).filter(([path]) => model.config.tieEmbeddings || path !== "embedding.weight");
  const ids = (rows: number[][]) => tf.tensor2d(rows, undefined, "int32");
  const loss = (): tf.Scalar => {
    const { logits } = model.decode(ids(output), model.encode(ids(input)).hidden);
    return tf.mean(crossEntropy(tf.reshape(logits, [-1, model.config.vocabSize]), tf.tensor1d(output.flat(), "int32")));
  };
  const { grads } = tf.variableGrads(loss, used.map(([, variable]) => variable));
  const places = encoderDecoderPlaces(Object.fromEntries(used.map(([path, { shape }]) => [path, shape])));
  return new Map([...places].flatMap(([path, { names }]) => {
    const values = grads[variables[path]!.name]!.dataSync() as Float32Array;
    const size = values.length / names.length;
    return names.map((name, index): [string, Float32Array] => [name, values.subarray(index * size, (index + 1) * size)]);
  }));
}

describe("EncoderDecoder", () => {
  it("traces its routers by layer of the model, and its noise in training is a function of seed and layer", async () => {
    await useBackend("cpu");
    const plain = fixtureJson<Record<string, unknown>>("switch_transformers", "config.json");
    const model = new EncoderDecoder(parseEncoderDecoderConfig({ ...plain, router_jitter_noise: 0.2 }), { seed: 5, std: 0.5, residualStd: 0.5, tableStd: 0.5 });
    tf.tidy(() => {
      const ids = tf.tensor2d([[5, 6, 7, 8]], undefined, "int32");
      const run = (context?: RouteContext) => {
        const encoded = model.encode(ids, context);
        const decoded = model.decode(ids, encoded.hidden, { context });
        return { layers: [...encoded.trace, ...decoded.trace].map(({ layer }) => layer), logits: decoded.logits.dataSync().join() };
      };
      expect(run().layers).toEqual([1, 3, 5, 7]);
      const [calm, noisy, other] = [run(), run({ training: true, seed: 1 }), run({ training: true, seed: 2 })].map(({ logits }) => logits);
      expect(run({ training: true, seed: 1 }).logits).toBe(noisy);
      expect(new Set([calm, noisy, other]).size).toBe(3);
      expect(() => run({ training: true })).toThrow("context.seed must be given in training");
    });
    disposeParameters(model);
  });

  it("leaves only what it returns, and refuses ids and outputs of other shapes", async () => {
    await useBackend("cpu");
    const model = await loadEncoderDecoder(fixtureFolder("switch_transformers"));
    const ids = tf.tensor2d([[5, 6, 7]], undefined, "int32");
    const before = tf.memory().numTensors;
    const { hidden, trace } = model.encode(ids);
    expect(() => model.decode(ids, tf.tidy(() => tf.tile(hidden, [2, 1, 1])))).toThrow("encoded must be [1, S, D]");
    expect(() => model.encode(hidden as unknown as tf.Tensor2D)).toThrow("ids must be [B, S] int32");
    tf.dispose([hidden, trace] as unknown as tf.TensorContainer);
    // The one that was tiled is the test's own.
    expect(tf.memory().numTensors).toBe(before + 1);
    disposeParameters(model);
  });
});

describe("packed weights of encoder-decoders", () => {
  let folder: string;
  beforeAll(async () => {
    await useBackend("cpu");
    folder = await mkdtemp(join(tmpdir(), "moekit-packed-pair-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(["switch_transformers", "switch_untied_bias_gelu"])("%s computes on bf16 what it computes with the same numbers in float32, with all experts in memory or one", async (family) => {
    const half = join(folder, family);
    await convertCheckpoint(fixtureFolder(family), half, { to: "safetensors", dtype: "BF16" });
    const given = { inputIds: [[5, 9, 3, 7, 1]], decoderInputIds: [[0, 4, 8]] };
    const logitsOf = async (options: LoadOptions) => {
      const model = await loadEncoderDecoder(half, options);
      const { logits } = await scoreEncoderDecoder(model, given);
      const [numbers, caches] = [Object.keys(parameters(model)), expertCaches(model)];
      disposeParameters(model);
      return { logits: logits!.data, numbers, caches };
    };
    const plain = await logitsOf({});
    const packed = await logitsOf({ weights: "as-stored" });
    expect(maxDifference(packed.logits, plain.logits)).toBeLessThan(2e-6 * Math.max(1, ...plain.logits.map(Math.abs)));
    expect(packed.numbers.filter((path) => !/norm|router|positions/i.test(path))).toEqual([]);
    expect(packed.caches).toEqual([]);
    const { caches } = await logitsOf({ weights: "as-stored", expertCacheBytes: 1e9 });
    const one = caches.reduce((sum, { expertBytes }) => sum + expertBytes, 0);
    expect((await logitsOf({ weights: "as-stored", expertCacheBytes: one })).logits).toEqual(packed.logits);
  });

  it("are saved as the numbers they compute with", async () => {
    const model = await loadEncoderDecoder(fixtureFolder("switch_transformers"), { weights: "q8_0" });
    await saveEncoderDecoder(model, join(folder, "saved"));
    const again = await loadEncoderDecoder(join(folder, "saved"));
    const given = { inputIds: [[5, 9, 3, 7, 1]], decoderInputIds: [[0, 4, 8]] };
    const [got, want] = [await scoreEncoderDecoder(model, given), await scoreEncoderDecoder(again, given)];
    expect(maxDifference(got.logits!.data, want.logits!.data)).toBeLessThan(1e-5);
    disposeParameters(model);
    disposeParameters(again);
  });
});

describe.each(BACKENDS)("on %s", (backend) => {
  describe.each(["switch_transformers", "switch_untied_bias_gelu"])("%s", (family) => {
    let model: EncoderDecoder;
    let expected: Record<string, HostTensor>;
    let scores: Record<string, HostTensor>;
    beforeAll(async () => {
      await useBackend(backend);
      model = await loadEncoderDecoder(fixtureFolder(family));
      expected = await fixtureTensors(family, "expected.safetensors");
      scores = await scoreEncoderDecoder(model, { inputIds: rowsOf(expected.input_ids!), decoderInputIds: rowsOf(expected.decoder_input_ids!) });
    });
    afterAll(() => disposeParameters(model));

    it("everything recorded is within 2e-4, the losses within 1e-5 relative", () => {
      for (const [name, { shape, data }] of Object.entries(expected)) {
        if (["input_ids", "decoder_input_ids", "greedy"].includes(name)) continue;
        expect(scores[name]?.shape, name).toEqual(shape);
        if (name.endsWith("loss")) expect(relativeDifference(scores[name]!.data, data), name).toBeLessThan(1e-5);
        else expect(maxDifference(scores[name]!.data, data), name).toBeLessThan(2e-4);
      }
    });

    it("some tokens found their expert full", () => {
      expect([...scores["encoder_expert_ids.0"]!.data]).toContain(-1);
    });

    it("the greedy answer is identical", async () => {
      const before = tf.memory().numTensors;
      const [, ...want] = rowsOf(expected.greedy!)[0]!;
      const answer: number[] = [];
      for await (const id of generateFromEncoder(model, rowsOf(expected.input_ids!)[0]!, { maxNewTokens: want.length, stop: [] })) answer.push(id);
      expect(answer).toEqual(want);
      expect(tf.memory().numTensors).toBe(before);
    });

    it("cached decoding equals the full forward pass within 1e-4, in any pieces, the capacity of experts included", () => {
      const [input, output] = [rowsOf(expected.input_ids!), rowsOf(expected.decoder_input_ids!)];
      const cache = new DecoderCache();
      const pieces = tf.tidy(() => {
        const { hidden } = model.encode(tf.tensor2d(input, undefined, "int32"));
        const parts = [[0, 5], [5, 6], [6, 7], [7, 12]].map(([from, to]) => model.decode(tf.tensor2d(output.map((row) => row.slice(from, to)), undefined, "int32"), hidden, { cache }).logits);
        return tf.concat(parts, 1).dataSync();
      });
      cache.dispose();
      expect(maxDifference(pieces, scores.logits!.data)).toBeLessThan(1e-4);
    });

    it("is saved byte for byte as transformers wrote it", async () => {
      const folder = await mkdtemp(join(tmpdir(), "moekit-encoder-decoder-"));
      await saveEncoderDecoder(model, folder);
      const [ours, theirs] = await Promise.all([folder, fixtureFolder(family)].map((dir) => readFile(join(dir, "model.safetensors"))));
      expect(ours!.equals(theirs!)).toBe(true);
      expect(JSON.parse(await readFile(join(folder, "config.json"), "utf8"))).toEqual(fixtureJson(family, "config.json"));
      await rm(folder, { recursive: true });
    });
  });

  it("gradients are within 1e-3 relative per tensor (the first reference has none)", async () => {
    await useBackend(backend);
    const family = "switch_untied_bias_gelu";
    const [model, ids, want] = [await loadEncoderDecoder(fixtureFolder(family)), await fixtureTensors(family, "expected.safetensors"), await fixtureTensors(family, "grads.safetensors")];
    tf.tidy(() => {
      const got = gradientsByName(model, rowsOf(ids.input_ids!), rowsOf(ids.decoder_input_ids!));
      for (const [name, { data }] of Object.entries(want)) expect(relativeDifference(got.get(name)!, data), name).toBeLessThan(1e-3);
    });
    disposeParameters(model);
  });
});
