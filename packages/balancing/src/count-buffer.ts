import * as tf from "@tensorflow/tfjs";
import type { Tensor1D } from "@tensorflow/tfjs";
import { ConfigError, routerKey, type RoutingTrace } from "@moekit/core";
import { choiceCounts } from "./internal/load.js";

/**
 * Adds up the choices of each router over the micro-batches of one optimiser step, on the device. Padding is left out.
 *
 * @source Qiu et al. 2025, arXiv:2501.11873, section 3: the buffer for gradient accumulation.
 * @example
 * const buffer = new CountBuffer();
 * buffer.add(trace); // after the forward pass of each micro-batch, before its loss
 * buffer.reset(); // after the optimiser step
 */
export class CountBuffer {
  private readonly sums = new Map<string, Tensor1D>();

  /** Adds the choices of one micro-batch. */
  add(trace: RoutingTrace): void {
    for (const entry of trace) {
      const key = routerKey(entry);
      const before = this.sums.get(key);
      const after = tf.tidy<Tensor1D>(() => (before ? tf.add(before, choiceCounts(entry)) : choiceCounts(entry)));
      this.sums.set(key, tf.keep(after));
      before?.dispose();
    }
  }

  /**
   * `[E]` float32: choices since the last reset. Valid until the next `add` or `reset`.
   * @param part - Of the layer, where the trace says one.
   * @throws ConfigError if nothing was added for this router.
   */
  counts(layer: number, part?: string): Tensor1D {
    const key = routerKey({ layer, part });
    const counts = this.sums.get(key);
    if (!counts) throw new ConfigError(`CountBuffer: nothing was added for layer ${key}. Call add(trace) after the forward pass and before the loss.`);
    return counts;
  }

  /** Forgets everything and frees its memory. */
  reset(): void {
    for (const counts of this.sums.values()) counts.dispose();
    this.sums.clear();
  }
}
