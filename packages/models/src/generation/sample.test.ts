import { readFileSync } from "node:fs";
import { isMoekitError } from "@moekit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { penalised } from "./penalties.js";
import { sampleToken, type SamplingOptions } from "./sample.js";

interface Recorded {
  readonly options: SamplingOptions;
  readonly logits: number[];
  readonly prompt: number[];
  readonly generated: number[];
  readonly probabilities: number[];
}

/** Shares of each token over an even grid of random numbers: the exact distribution up to 1/1000. */
function shares(probabilities: number[], options: SamplingOptions): number[] {
  const logits = Float32Array.from(probabilities, Math.log);
  const counts = probabilities.map(() => 0);
  for (let i = 0; i < 1000; i++) counts[sampleToken(logits, options, () => (i + 0.5) / 1000)]! += 1 / 1000;
  return counts;
}

const near = (got: number[], want: number[]) => got.forEach((share, i) => expect(share).toBeCloseTo(want[i]!, 2));

describe("sampleToken", () => {
  it("temperature 0 takes the highest logit, ties go to the lower id", () => {
    expect(sampleToken(new Float32Array([1, 3, 3, 2]), {}, () => 0.99)).toBe(1);
  });

  it("temperature 1 draws from the softmax", () => {
    near(shares([0.5, 0.3, 0.2], { temperature: 1 }), [0.5, 0.3, 0.2]);
  });

  it("temperature 0.5 squares the probabilities", () => {
    // .25, .09, .04 of .38
    near(shares([0.5, 0.3, 0.2], { temperature: 0.5 }), [0.658, 0.237, 0.105]);
  });

  it("topK keeps the k most probable and renormalises", () => {
    near(shares([0.1, 0.5, 0.3, 0.1], { temperature: 1, topK: 2 }), [0, 0.625, 0.375, 0]);
  });

  it("topP keeps the smallest set that reaches p", () => {
    near(shares([0.15, 0.5, 0.3, 0.05], { temperature: 1, topP: 0.79 }), [0, 0.625, 0.375, 0]);
    near(shares([0.15, 0.5, 0.3, 0.05], { temperature: 1, topP: 0.4 }), [0, 1, 0, 0]);
  });

  it("topP sees what topK left", () => {
    // After topK 2: .625, .375; p = .6 needs only the first.
    near(shares([0.1, 0.5, 0.3, 0.1], { temperature: 1, topK: 2, topP: 0.6 }), [0, 1, 0, 0]);
  });

  it("never draws a token of probability zero, whatever the random number", () => {
    const logit = fc.oneof(fc.float({ min: -50, max: 50, noNaN: true }), fc.constant(-Infinity));
    const options = fc.record({ temperature: fc.double({ min: 0.05, max: 3, noNaN: true }), topK: fc.integer({ min: 1, max: 6 }), topP: fc.double({ min: 0.01, max: 1, noNaN: true }), minP: fc.double({ min: 0, max: 1, noNaN: true }), typicalP: fc.double({ min: 0.01, max: 1, noNaN: true }) });
    fc.assert(
      fc.property(fc.array(logit, { minLength: 1, maxLength: 8 }), fc.double({ min: 0, max: 0.9999999, noNaN: true }), options, (logits, uniform, sampling) => {
        fc.pre(logits.some(Number.isFinite));
        expect(logits[sampleToken(Float32Array.from(logits), sampling, () => uniform)]).not.toBe(-Infinity);
      }),
      { seed: 3 },
    );
  });

  it("keeps the distributions of transformers, filters and repetition penalty alike", () => {
    const { cases } = JSON.parse(readFileSync(new URL("../../fixtures/sampling.json", import.meta.url), "utf8")) as { cases: Recorded[] };
    for (const { options, logits, prompt, generated, probabilities } of cases) {
      // Each token's share begins where those before it end, so a random number just inside and just outside tells both ends.
      let from = 0;
      probabilities.forEach((share, id) => {
        if (share < 1e-4) return void (from += share);
        const at = (uniform: number) => sampleToken(Float32Array.from(logits), options, () => uniform, { prompt, generated });
        expect([at(from + 2e-5), at(from + share - 2e-5)], JSON.stringify(options)).toEqual([id, id]);
        from += share;
      });
      expect(from).toBeCloseTo(1, 5);
    }
  });

  it("penalises what was generated, by how often and at all", () => {
    // Logits 2, 1, 0, -1, counts 2, 0, 1, 0: minus .5 for each time and .4 for any gives .6, 1, -.9, -1.
    const options = { frequencyPenalty: 0.5, presencePenalty: 0.4 };
    expect([...penalised(new Float32Array([2, 1, 0, -1]), options, { prompt: [3, 3], generated: [0, 2, 0] })]).toEqual([0.6, 1, -0.9, -1].map((x) => expect.closeTo(x, 6) as number));
    expect(sampleToken(new Float32Array([2, 1, 0, -1]), options, Math.random, { prompt: [], generated: [0, 2, 0] })).toBe(1);
  });

  it("a repetition penalty divides what is positive and multiplies what is not, in prompt and text, once", () => {
    expect([...penalised(new Float32Array([2, -1, 3, 0]), { repetitionPenalty: 2 }, { prompt: [0, 0], generated: [1] })]).toEqual([1, -2, 3, 0]);
  });

  it.each([{ temperature: -1 }, { temperature: NaN }, { topK: 0 }, { topK: 1.5 }, { topP: 0 }, { topP: 1.1 }, { minP: -0.1 }, { minP: 1.5 }, { typicalP: 0 }, { repetitionPenalty: 0 }, { frequencyPenalty: NaN }, { presencePenalty: Infinity }])("refuses %o", (options) => {
    expect(() => sampleToken(new Float32Array(2), options, Math.random)).toThrow(expect.toSatisfy((error: unknown) => isMoekitError(error, "config")) as Error);
  });

  it("names a logit that is not a number", () => {
    expect(() => sampleToken(new Float32Array([0, NaN]), {}, Math.random)).toThrow("logit of token 1 is NaN");
  });
});
