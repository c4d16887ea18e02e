import * as tf from "@tensorflow/tfjs";

/**
 * Keys and values of one layer, `[B, L, G, d]`.
 * @example const { key, value } = cache.extend(0, { key, value });
 */
export interface KeysAndValues {
  readonly key: tf.Tensor4D;
  readonly value: tf.Tensor4D;
}

/**
 * Keys and values of the tokens a model has seen, so that each further token costs one position instead of all.
 *
 * Pass the same cache to successive calls of `forward`; positions go on where the last call ended. Layers with a sliding
 * window keep only what later tokens can see. If a call throws, the cache is no longer usable.
 *
 * @example
 * const cache = new KeyValueCache();
 * model.forward(prompt, { cache });
 * model.forward(nextToken, { cache });
 * cache.dispose();
 */
export class KeyValueCache {
  private readonly layers = new Map<number, KeysAndValues>();
  private readonly states = new Map<number, tf.Tensor4D>();
  private tokens = 0;

  /** Tokens per sequence seen so far. */
  get length(): number {
    return this.tokens;
  }

  /** Adds a layer's new keys and values and returns all that its queries need. */
  extend(layer: number, added: KeysAndValues, window?: number): KeysAndValues {
    const past = this.layers.get(layer);
    const all = past ? { key: tf.concat([past.key, added.key], 1), value: tf.concat([past.value, added.value], 1) } : added;
    this.layers.set(layer, { key: keepLast(all.key, window), value: keepLast(all.value, window) });
    tf.dispose([past?.key, past?.value].filter((tensor) => tensor !== undefined));
    return all;
  }

  /** What a layer of linear attention knows, `[B, H, d, d]`; undefined before the first call. */
  state(layer: number): tf.Tensor4D | undefined {
    return this.states.get(layer);
  }

  /** Replaces what {@link KeyValueCache.state} returns. */
  keepState(layer: number, state: tf.Tensor4D): void {
    this.states.get(layer)?.dispose();
    this.states.set(layer, tf.keep(tf.clone(state)));
  }

  /** Counts the tokens of one finished call. */
  advance(tokens: number): void {
    this.tokens += tokens;
  }

  /** Frees all tensors and starts over. */
  dispose(): void {
    for (const { key, value } of this.layers.values()) tf.dispose([key, value]);
    tf.dispose([...this.states.values()]);
    this.layers.clear();
    this.states.clear();
    this.tokens = 0;
  }
}

/** The next token sees itself and `window - 1` before it. */
function keepLast(x: tf.Tensor4D, window = Infinity): tf.Tensor4D {
  const [batch, length, heads, dim] = x.shape;
  const kept = Math.min(length, window - 1);
  return tf.keep(kept === length ? tf.clone(x) : tf.slice(x, [0, length - kept, 0, 0], [batch, kept, heads, dim]));
}
