import * as tf from "@tensorflow/tfjs";
import { disposeParameters, isMoekitError } from "@moekit/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel } from "../create-model.js";
import { parseConfig } from "../config/parse-config.js";
import type { MoeTransformer } from "../moe-transformer.js";
import { fixtureJson, maxDifference, useBackend } from "../testing/fixtures.js";
import { generate, type GenerateOptions } from "./generate.js";
import { KeyValueCache } from "./key-value-cache.js";

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
