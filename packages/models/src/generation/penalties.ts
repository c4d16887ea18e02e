import type { SamplingOptions } from "./sampling-options.js";

/**
 * The tokens before the one that is chosen.
 * @example const history: TokenHistory = { prompt: [5, 7], generated: [] };
 */
export interface TokenHistory {
  readonly prompt: readonly number[];
  readonly generated: readonly number[];
}

/**
 * Logits with the penalties of repeated tokens: `l / r` where `l > 0`, else `l r`, for tokens of prompt and text; then
 * `l - f count - p [count > 0]` for generated tokens.
 */
export function penalised(logits: Float32Array, { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 }: SamplingOptions, { prompt, generated }: TokenHistory): Float32Array {
  if (repetitionPenalty === 1 && frequencyPenalty === 0 && presencePenalty === 0) return logits;
  const changed = logits.slice();
  for (const id of new Set([...prompt, ...generated])) changed[id] = changed[id]! > 0 ? changed[id]! / repetitionPenalty : changed[id]! * repetitionPenalty;
  for (const id of generated) changed[id]! -= frequencyPenalty;
  for (const id of new Set(generated)) changed[id]! -= presencePenalty;
  return changed;
}
