import * as tf from "@tensorflow/tfjs";
import { disposeParameters, isMoekitError } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel } from "../create-model.js";
import { parseConfig } from "../config/parse-config.js";
import type { MoeTransformer } from "../moe-transformer.js";
import { fixtureJson, maxDifference, useBackend } from "../testing/fixtures.js";
import { generateBatch } from "./generate-batch.js";
import { generate, generateTokens, type GeneratedToken, type GenerateOptions } from "./generate.js";
import { KeyValueCache } from "./key-value-cache.js";
import { logProbabilities } from "./log-probabilities.js";

let model: MoeTransformer;
beforeAll(async () => {
  await useBackend("cpu");
  model = createModel(parseConfig(fixtureJson("mixtral", "config.json")), { seed: 1 });
});
afterAll(() => disposeParameters(model));

async function collect(ids: number[], options: GenerateOptions, from = model): Promise<number[]> {
  const generated: number[] = [];
  for await (const id of generate(from, ids, options)) generated.push(id);
  return generated;
}

describe("generate", () => {
  it("the same seed gives the same text, another seed another one", async () => {
    const options = { maxNewTokens: 12, temperature: 1, stop: [] };
    const first = await collect([5, 6], { ...options, seed: 3 });
    expect(first).toHaveLength(12);
    expect(await collect([5, 6], { ...options, seed: 3 })).toEqual(first);
    expect(await collect([5, 6], { ...options, seed: 4 })).not.toEqual(first);
  });

  it("ends at a stop token without yielding it", async () => {
    const options = { maxNewTokens: 12, temperature: 1, seed: 3 };
    const free = await collect([5, 6], { ...options, stop: [] });
    expect(await collect([5, 6], { ...options, stop: [free[4]!] })).toEqual(free.slice(0, free.indexOf(free[4]!)));
  });

  it.each([
    ["longrope", { rope_type: "longrope", short_factor: [1, 1.1, 1.2, 1.3], long_factor: [1.5, 1.8, 2.1, 2.4], original_max_position_embeddings: 6, factor: 4 }],
    ["dynamic", { rope_type: "dynamic", factor: 2 }],
  ])("%s: greedy text is that of full passes also where positions stretch on the way, in batches too", async (_name, rope_parameters) => {
    const stretching = createModel(parseConfig({ ...fixtureJson<object>("mixtral", "config.json"), max_position_embeddings: 6, rope_parameters }), { seed: 4 });
    const want = [5, 6, 7];
    for (let i = 0; i < 8; i++) {
      const logits = tf.tidy(() => stretching.forward(tf.tensor2d([want], undefined, "int32"), { lastOnly: true }).logits.dataSync() as Float32Array);
      want.push(logits.indexOf(Math.max(...logits)));
    }
    expect(await collect([5, 6, 7], { maxNewTokens: 8, stop: [] }, stretching)).toEqual(want.slice(3));
    const texts: number[][] = [[], []];
    for await (const { sequence, id } of generateBatch(stretching, [[5, 6, 7], [8, 9, 10]], { maxNewTokens: 8, stop: [] })) texts[sequence]!.push(id);
    expect(texts[0]).toEqual(want.slice(3));
    disposeParameters(stretching);
  });

  it("frees everything at the end, on leaving early and on abort", async () => {
    const before = tf.memory().numTensors;
    await collect([5, 6, 7], { maxNewTokens: 3 });
    for await (const _ of generate(model, [5], { maxNewTokens: 9, stop: [] })) break;
    const abort = new AbortController();
    const aborted = (async () => {
      for await (const _ of generate(model, [5], { maxNewTokens: 9, stop: [], signal: abort.signal })) abort.abort(new Error("enough"));
    })();
    await expect(aborted).rejects.toThrow("enough");
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([
    [[], "data"],
    [[160], "data"],
    [[-1], "data"],
    [[1.5], "data"],
  ] as const)("refuses the prompt %j", async (ids, kind) => {
    await expect(collect([...ids], { maxNewTokens: 1 })).rejects.toSatisfy((error) => isMoekitError(error, kind));
  });

  it("refuses a sampling option out of range before it computes", async () => {
    await expect(collect([1], { maxNewTokens: 1, topP: 2 })).rejects.toThrow("topP must be above 0");
  });
});

describe("generateTokens", () => {
  it("gives the log-probabilities of the model, whatever the sampling", async () => {
    const tokens: GeneratedToken[] = [];
    for await (const token of generateTokens(model, [5, 6], { maxNewTokens: 3, temperature: 2, topK: 3, seed: 1, stop: [], topLogprobs: 2 })) tokens.push(token);
    const ids = [5, 6, ...tokens.map(({ id }) => id)];
    const logits = tf.tidy(() => tf.logSoftmax(model.forward(tf.tensor2d([ids], undefined, "int32")).logits as tf.Tensor).arraySync()) as number[][][];
    tokens.forEach(({ id, logprob, top }, i) => {
      const row = logits[0]![1 + i]!;
      expect(logprob).toBeCloseTo(row[id]!, 4);
      expect(top.map(({ logprob: value }) => value)).toEqual([...row].sort((a, b) => b - a).slice(0, 2).map((value) => expect.closeTo(value, 4) as number));
    });
  });

  it("logits 2, 1, 0, -1 have the log-probabilities -.4402, -1.4402, -2.4402, -3.4402", () => {
    const { logprob, top } = logProbabilities(new Float32Array([2, 1, 0, -1]), 2, 3);
    expect(logprob).toBeCloseTo(-2.4402, 4);
    expect(top).toEqual([0, 1, 2].map((id) => ({ id, logprob: expect.closeTo(-0.4402 - id, 4) as number })));
    expect(logProbabilities(new Float32Array([1, 3, 3]), 0, 2).top.map(({ id }) => id)).toEqual([1, 2]);
  });

  it("refuses half a list", async () => {
    await expect(generateTokens(model, [1], { maxNewTokens: 1, topLogprobs: 0.5 }).next()).rejects.toThrow("topLogprobs must be a whole number");
  });
});

describe("generateBatch", () => {
  const prompts = [[5, 6], [7], [8, 9], [10, 11, 12], [5, 6]];
  const batch = async (options: GenerateOptions, of = prompts) => {
    const all: number[][] = of.map(() => []);
    for await (const { sequence, id } of generateBatch(model, of, options)) all[sequence]!.push(id);
    return all;
  };

  it("continues each prompt as it would be alone", async () => {
    const options = { maxNewTokens: 6, stop: [] };
    const alone: number[][] = [];
    for (const prompt of prompts) alone.push(await collect(prompt, options));
    expect(await batch(options)).toEqual(alone);
  });

  it("lets each end by itself", async () => {
    const free = await batch({ maxNewTokens: 8, stop: [] });
    const stop = [free[1]![2]!];
    const cut = free.map((ids) => (ids.includes(stop[0]!) ? ids.slice(0, ids.indexOf(stop[0]!)) : ids));
    expect(await batch({ maxNewTokens: 8, stop })).toEqual(cut);
  });

  it("draws for each sequence by its place, whatever is beside it", async () => {
    const options = { maxNewTokens: 6, temperature: 1, seed: 2, stop: [] };
    const all = await batch(options);
    expect(all[0]).toEqual(await collect(prompts[0]!, options));
    expect(all[4]).not.toEqual(all[0]);
    expect((await batch(options, [[1, 2, 3], [7]]))[1]).toEqual(all[1]);
  });

  it("applies penalties to each sequence's own tokens", async () => {
    const options = { maxNewTokens: 6, presencePenalty: 1e6, stop: [] };
    for (const ids of await batch(options)) expect(new Set(ids).size).toBe(6);
  });

  it("frees everything on leaving early", async () => {
    const before = tf.memory().numTensors;
    for await (const _ of generateBatch(model, prompts, { maxNewTokens: 9, stop: [] })) break;
    expect(tf.memory().numTensors).toBe(before);
    expect(await batch({ maxNewTokens: 3 }, [])).toEqual([]);
  });
});

describe("KeyValueCache", () => {
  it.each([1, 4])("with a sliding window of %i keeps what later tokens can see, and decoding equals the full pass", (window) => {
    const windowed = createModel(parseConfig({ ...fixtureJson<object>("mixtral", "config.json"), sliding_window: window }), { seed: 2 });
    const ids = Array.from({ length: 14 }, (_, i) => (i * 37 + 11) % 160);
    const logits = (part: number[], cache?: KeyValueCache) => {
      const tensor = tf.tidy(() => windowed.forward(tf.tensor2d([part], undefined, "int32"), { cache }).logits);
      const values = [...tensor.dataSync()];
      tensor.dispose();
      return values;
    };
    const full = logits(ids);
    const before = tf.memory().numTensors;
    const cache = new KeyValueCache();
    const pieces = [[0, 6], [6, 7], [7, 12], [12, 14]].flatMap(([from, to]) => logits(ids.slice(from, to), cache));
    expect(maxDifference(pieces, full)).toBeLessThan(1e-4);
    expect(cache.length).toBe(14);
    cache.dispose();
    expect(tf.memory().numTensors).toBe(before);
    disposeParameters(windowed);
  });
});
