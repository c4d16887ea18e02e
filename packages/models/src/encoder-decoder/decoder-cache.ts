import * as tf from "@tensorflow/tfjs";
import { KeyValueCache, type KeysAndValues } from "../generation/key-value-cache.js";

/**
 * What a decoder keeps between calls for one output of the encoder: keys and values of the tokens so far, those of the
 * encoder's output (computed once), and how many tokens each expert has been chosen for, so that its capacity holds for the
 * whole sequence.
 *
 * @example
 * const cache = new DecoderCache();
 * model.decode(startIds, encoded, { cache });
 * model.decode(nextIds, encoded, { cache });
 * cache.dispose();
 */
export class DecoderCache {
  /** Keys and values of the decoder's own tokens. */
  readonly own = new KeyValueCache();
  private readonly encoded = new Map<number, KeysAndValues>();
  private readonly counts = new Map<number, tf.Tensor2D>();

  /** Keys and values of the encoder's output in a layer: those of the first call. */
  ofEncoded(layer: number, compute: () => KeysAndValues): KeysAndValues {
    const known = this.encoded.get(layer);
    if (known) return known;
    const { key, value } = compute();
    const kept = { key: tf.keep(tf.clone(key)), value: tf.keep(tf.clone(value)) };
    this.encoded.set(layer, kept);
    return kept;
  }

  /** `[B, E]`: how often the tokens so far chose each expert of a layer; undefined before the first call. */
  taken(layer: number): tf.Tensor2D | undefined {
    return this.counts.get(layer);
  }

  /** Replaces what {@link DecoderCache.taken} returns. */
  keepTaken(layer: number, taken: tf.Tensor2D): void {
    this.counts.get(layer)?.dispose();
    this.counts.set(layer, tf.keep(tf.clone(taken)));
  }

  /** Frees all tensors and starts over. */
  dispose(): void {
    this.own.dispose();
    for (const { key, value } of this.encoded.values()) tf.dispose([key, value]);
    tf.dispose([...this.counts.values()]);
    this.encoded.clear();
    this.counts.clear();
  }
}
