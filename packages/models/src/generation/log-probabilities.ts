/**
 * A token with the logarithm of its probability.
 * @example const { id, logprob }: TokenLogprob = token.top[0]!;
 */
export interface TokenLogprob {
  readonly id: number;
  /** Nats, of the model's own distribution: before penalties, temperature and filters. */
  readonly logprob: number;
}

/** `log softmax(logits)` of `id`, and the `count` most probable tokens with theirs, best first, ties to the lower id. */
export function logProbabilities(logits: Float32Array, id: number, count: number): TokenLogprob & { readonly top: TokenLogprob[] } {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const logTotal = largest + Math.log(logits.reduce((total, logit) => total + Math.exp(logit - largest), 0));
  const ofToken = (token: number): TokenLogprob => ({ id: token, logprob: logits[token]! - logTotal });
  return { ...ofToken(id), top: best(logits, count).map(ofToken) };
}

/** One pass with a short list: a vocabulary is long, the list is not. */
function best(logits: Float32Array, count: number): number[] {
  const ids: number[] = [];
  for (let id = 0; id < logits.length && count > 0; id++) {
    if (ids.length === count && logits[id]! <= logits[ids.at(-1)!]!) continue;
    const at = ids.findIndex((other) => logits[id]! > logits[other]!);
    ids.splice(at < 0 ? ids.length : at, 0, id);
    if (ids.length > count) ids.pop();
  }
  return ids;
}
