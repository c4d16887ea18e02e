import * as tf from "@tensorflow/tfjs";
import { batchAmongHeads } from "../blocks/batch-among-heads.js";
import { growingRows, type GrowingRows } from "./growing-rows.js";

/**
 * Keys and values of one layer, `[B, L, G, d]`; from a cache `[1, L, B G, d]`, the heads of one sequence after those of the other.
 * @example const { key, value } = cache.extend(0, { key, value });
 */
export type KeysAndValues = {
  readonly key: tf.Tensor4D;
  readonly value: tf.Tensor4D;
};

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
  private readonly layers = new Map<number, Map<string, GrowingRows>>();
  private readonly states = new Map<number, tf.Tensor4D>();
  private tokens = 0;

  /** Tokens per sequence seen so far. */
  get length(): number {
    return this.tokens;
  }

  /**
   * Adds a layer's new keys and values, or whatever it keeps of each token, `[B, S, G, d]`.
   * @param window - Of tokens that later ones see, themselves included. Left out: all.
   * @returns What its queries need: those that were added where they are the first ones, else all, `[1, L, B G, d]`, for use before the next call.
   */
  extend<T extends Readonly<Record<string, tf.Tensor4D>>>(layer: number, added: T, window = Infinity): T {
    const kept = this.layers.get(layer);
    const all = Object.entries(added).map(([name, x]) => [name, this.extended(layer, name, x, window)] as const);
    return kept ? (Object.fromEntries(all) as T) : added;
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
    for (const kept of this.layers.values()) for (const rows of kept.values()) rows.dispose();
    tf.dispose([...this.states.values()]);
    this.layers.clear();
    this.states.clear();
    this.tokens = 0;
  }

  private extended(layer: number, name: string, added_BSGd: tf.Tensor4D, window: number): tf.Tensor4D {
    const added = batchAmongHeads(added_BSGd);
    const [, length, heads, width] = added.shape;
    const kept = this.layers.get(layer) ?? new Map<string, GrowingRows>();
    const rows = kept.get(name) ?? growingRows();
    this.layers.set(layer, kept.set(name, rows));
    const all: tf.Tensor4D = tf.reshape(rows.append(tf.reshape(added, [length, heads * width])), [1, -1, heads, width]);
    // The next token sees itself and `window - 1` before it.
    rows.keepLast(window - 1);
    return all;
  }
}
