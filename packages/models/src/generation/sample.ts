import { ConfigError, NonFiniteError } from "@moekit/core";

/**
 * How the next token is chosen. Applied in this order, as in transformers: temperature, topK, topP.
 * @example const options: SamplingOptions = { temperature: 0.8, topP: 0.95 };
 */
export interface SamplingOptions {
  /** Divides the logits; 0 takes the most probable token. @defaultValue 0 */
  readonly temperature?: number;
  /** Keep the k most probable tokens (and those equal to the last of them). */
  readonly topK?: number;
  /** Keep the most probable tokens that together reach this probability (and those equal to the last of them). */
  readonly topP?: number;
}

/**
 * Chooses a token from the logits of one position.
 *
 * `p = softmax(logits / temperature)` over the tokens kept; at temperature 0 the highest logit wins, ties go to the lower id.
 *
 * @param random - Uniform numbers in [0, 1); one is drawn unless the temperature is 0.
 * @throws NonFiniteError if a logit is NaN or +infinite; ConfigError if an option is out of range.
 * @example sampleToken(new Float32Array([0, 2, 1]), { temperature: 0 }, Math.random); // 1
 */
export function sampleToken(logits: Float32Array, options: SamplingOptions, random: () => number): number {
  checkSampling(options);
  const { temperature = 0, topK = logits.length, topP = 1 } = options;
  const best = bestToken(logits);
  if (temperature === 0) return best;
  const threshold = topK < logits.length ? logits.slice().sort()[logits.length - topK]! : -Infinity;
  const weights = Float64Array.from(logits, (logit) => (logit < threshold ? 0 : Math.exp((logit - logits[best]!) / temperature)));
  return draw(topP < 1 ? keepNucleus(weights, topP) : weights, random());
}

/** Throws a ConfigError for options out of range. */
export function checkSampling({ temperature = 0, topK = 1, topP = 1 }: SamplingOptions): void {
  const demand = (holds: boolean, what: string, got: number) => {
    if (!holds) throw new ConfigError(`sampleToken: ${what}; got ${got}.`);
  };
  demand(Number.isFinite(temperature) && temperature >= 0, "temperature must be a number of at least 0", temperature);
  demand(Number.isInteger(topK) && topK >= 1, "topK must be a whole number of at least 1", topK);
  demand(topP > 0 && topP <= 1, "topP must be above 0 and at most 1", topP);
}

function bestToken(logits: Float32Array): number {
  let best = 0;
  for (let id = 0; id < logits.length; id++) {
    if (Number.isNaN(logits[id]) || logits[id] === Infinity) throw new NonFiniteError(`sampleToken: the logit of token ${id} is ${logits[id]}.`);
    if (logits[id]! > logits[best]!) best = id;
  }
  return best;
}

/** Weights below the smallest one needed to reach `topP` of the total become 0. */
function keepNucleus(weights: Float64Array, topP: number): Float64Array {
  const sorted = weights.slice().sort().reverse();
  const goal = topP * sum(weights);
  let reached = 0;
  const last = sorted.find((weight) => (reached += weight) >= goal) ?? 0;
  return weights.map((weight) => (weight < last ? 0 : weight));
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

function sum(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0);
}
