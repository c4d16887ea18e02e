import { ConfigError } from "@moekit/core";

/**
 * How the next token is chosen. Applied in this order: repetition, frequency and presence penalty, then temperature, topK,
 * topP, minP, typicalP, each on what the one before left (as in transformers; frequency and presence as in vLLM).
 * @example const options: SamplingOptions = { temperature: 0.8, topP: 0.95 };
 */
export interface SamplingOptions {
  /** Divides the logits; 0 takes the most probable token. @defaultValue 0 */
  readonly temperature?: number;
  /** Keep the k most probable tokens (and those equal to the last of them). */
  readonly topK?: number;
  /** Keep the most probable tokens that together reach this probability (and those equal to the last of them). */
  readonly topP?: number;
  /** Keep tokens at least this fraction as probable as the most probable one. */
  readonly minP?: number;
  /** Keep the tokens whose surprise is nearest to the expected one, until they reach this probability. @source Meister et al. 2022, arXiv:2202.00666 */
  readonly typicalP?: number;
  /** Logits of tokens of the prompt and the text so far are divided by this where positive, else multiplied. @defaultValue 1 */
  readonly repetitionPenalty?: number;
  /** Subtracted from a token's logit for each time that it was generated. @defaultValue 0 */
  readonly frequencyPenalty?: number;
  /** Subtracted from a token's logit if it was generated at all. @defaultValue 0 */
  readonly presencePenalty?: number;
}

/** Throws a ConfigError for options out of range. */
export function checkSampling(options: SamplingOptions): void {
  const { temperature = 0, topK = 1, topP = 1, minP = 0, typicalP = 1, repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 } = options;
  const demand = (holds: boolean, what: string, got: number) => {
    if (!holds) throw new ConfigError(`sampleToken: ${what}; got ${got}.`);
  };
  demand(Number.isFinite(temperature) && temperature >= 0, "temperature must be a number of at least 0", temperature);
  demand(Number.isInteger(topK) && topK >= 1, "topK must be a whole number of at least 1", topK);
  demand(topP > 0 && topP <= 1, "topP must be above 0 and at most 1", topP);
  demand(minP >= 0 && minP <= 1, "minP must be from 0 to 1", minP);
  demand(typicalP > 0 && typicalP <= 1, "typicalP must be above 0 and at most 1", typicalP);
  demand(Number.isFinite(repetitionPenalty) && repetitionPenalty > 0, "repetitionPenalty must be a number above 0", repetitionPenalty);
  demand(Number.isFinite(frequencyPenalty), "frequencyPenalty must be a number", frequencyPenalty);
  demand(Number.isFinite(presencePenalty), "presencePenalty must be a number", presencePenalty);
}
