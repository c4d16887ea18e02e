import { NonFiniteError } from "@moekit/core";
import { keepLargest, keepLikely, keepNucleus, keepTypical, sum } from "./filters.js";
import { penalised, type TokenHistory } from "./penalties.js";
import { checkSampling, type SamplingOptions } from "./sampling-options.js";

export { checkSampling, type SamplingOptions } from "./sampling-options.js";

/**
 * Chooses a token from the logits of one position.
 *
 * `p = softmax(logits / temperature)` over the tokens kept; at temperature 0 the highest logit wins, ties go to the lower id.
 *
 * @param random - Uniform numbers in [0, 1); one is drawn unless the temperature is 0.
 * @param history - The tokens before, for penalties. @defaultValue none
 * @throws NonFiniteError if a logit is NaN or +infinite; ConfigError if an option is out of range.
 * @example sampleToken(new Float32Array([0, 2, 1]), { temperature: 0 }, Math.random); // 1
 */
export function sampleToken(logits: Float32Array, options: SamplingOptions, random: () => number, history: TokenHistory = { prompt: [], generated: [] }): number {
  checkSampling(options);
  const { temperature = 0, topK = Infinity, topP = 1, minP = 0, typicalP = 1 } = options;
  const scores = penalised(logits, options, history);
  const best = bestToken(scores);
  if (temperature === 0) return best;
  const weights = Float64Array.from(scores, (score) => Math.exp((score - scores[best]!) / temperature));
  return draw(keepTypical(keepLikely(keepNucleus(keepLargest(weights, topK), topP), minP), typicalP), random());
}

function bestToken(logits: Float32Array): number {
  let best = 0;
  for (let id = 0; id < logits.length; id++) {
    if (Number.isNaN(logits[id]) || logits[id] === Infinity) throw new NonFiniteError(`sampleToken: the logit of token ${id} is ${logits[id]}.`);
    if (logits[id]! > logits[best]!) best = id;
  }
  return best;
}

function draw(weights: Float64Array, uniform: number): number {
  let rest = uniform * sum(weights);
  let chosen = 0;
  for (let id = 0; id < weights.length && rest >= 0; id++) {
    if (weights[id] === 0) continue;
    chosen = id;
    rest -= weights[id]!;
  }
  return chosen;
}
