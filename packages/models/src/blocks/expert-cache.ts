/** N rows sorted by expert, E experts, S slots for experts in memory. */
import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { ConfigError, gatherRows, hostInts, packedBytes, partsByPath, readsSynchronously, tidy, UnsupportedOpError, type PackedMatrix } from "@moekit/core";
import type { PackedWeight } from "./packed-weight.js";

/**
 * Computes rows sorted by slot.
 * @param matrices - One for each weight of the bank, those of one slot after the other.
 * @param offsets - `[S + 1]` int32: where the rows of each slot begin.
 * @param experts - `[S]` int32: the expert in each slot.
 */
export type ComputeInSlots = (x_ND: Tensor2D, matrices: readonly PackedMatrix[], offsets: Tensor1D, experts: Tensor1D) => Tensor2D;

/**
 * Experts whose matrices stay in a file. Those that tokens are routed to are read into slots; where none is free, in place
 * of the one that was used longest ago.
 */
export class ExpertCache {
  private slots: readonly PackedMatrix[] = [];
  private numSlots = 0;
  /** By expert; the one used longest ago comes first. */
  private readonly slotOf = new Map<number, number>();

  /** @param weights - Of the bank, `[E, ...]` each. */
  constructor(readonly weights: readonly PackedWeight[]) {}

  get numExperts(): number {
    return this.weights[0]!.shape[0]!;
  }

  /** Bytes of the matrices of one expert. */
  get expertBytes(): number {
    return this.weights.reduce((sum, { stored: { format, shape } }) => sum + packedBytes(shape, format) / this.numExperts, 0);
  }

  /** Makes room for that many experts; memory is taken as they come. */
  reserve(numSlots: number): void {
    this.numSlots = numSlots;
    this.slotOf.clear();
    this.slots = this.weights.map(({ stored: { format, shape: [rows, columns] } }) => {
      const shape = [(rows / this.numExperts) * numSlots, columns] as const;
      return { format, shape, bytes: Buffer.allocUnsafeSlow(packedBytes(shape, format)) };
    });
  }

  /**
   * What the experts make of their rows, in as many rounds as the slots need.
   * @param offsets - `[E + 1]` int32: rows `offsets[e]` to `offsets[e + 1]` belong to expert e; rows past the last become 0.
   * @throws CheckpointError if the file is gone or has changed; ConfigError where a gradient is wanted.
   */
  forward(x_ND: Tensor2D, offsets: Tensor1D, compute: ComputeInSlots): Tensor2D {
    // Going back, a slot might hold another expert than it did.
    if (tf.engine().isTapeOn()) throw new ConfigError("loadModel: experts that stay in their file have no gradient. Load the model without expertCacheBytes.");
    if (!readsSynchronously()) throw new UnsupportedOpError(`loadModel: experts that stay in their file need a backend whose tensors are in host memory (moekit-native, wasm, cpu, tensorflow); got ${tf.getBackend()}. Load the model without expertCacheBytes.`);
    const starts = hostInts(offsets);
    const rounds = this.rounds(starts);
    return tidy(() => {
      const parts = rounds.map((experts) => this.round(x_ND, experts, starts, compute));
      if (rounds.length === 1 && parts[0]!.isInOrder) return parts[0]!.y_ND;
      return gatherRows(tf.concat(parts.map(({ y_ND }) => y_ND), 0), inverseOf(parts, x_ND.shape[0]));
    });
  }

  /** Experts with rows, at most as many a round as there are slots; first those that are in memory, before others take their place. */
  private rounds(starts: Int32Array): number[][] {
    const wanted = Array.from({ length: this.numExperts }, (_, e) => e).filter((e) => starts[e + 1]! > starts[e]!);
    const order = [...wanted.filter((e) => this.slotOf.has(e)), ...wanted.filter((e) => !this.slotOf.has(e))];
    return Array.from({ length: Math.max(1, Math.ceil(order.length / this.numSlots)) }, (_, i) => order.slice(i * this.numSlots, (i + 1) * this.numSlots));
  }

  private round(x_ND: Tensor2D, experts: readonly number[], starts: Int32Array, compute: ComputeInSlots): Part {
    const bySlot = this.resident(experts);
    const rows: number[] = [];
    const offsets = [0];
    for (const expert of bySlot) {
      if (expert >= 0) for (let row = starts[expert]!; row < starts[expert + 1]!; row++) rows.push(row);
      offsets.push(rows.length);
    }
    const isInOrder = rows.every((row, i) => row === i);
    const sorted_ND = isInOrder ? x_ND : gatherRows(x_ND, tf.tensor1d(rows, "int32"));
    const y_ND = compute(sorted_ND, this.slots, tf.tensor1d(offsets, "int32"), tf.tensor1d(bySlot.map((e) => Math.max(0, e)), "int32"));
    return { rows, isInOrder, y_ND };
  }

  /** Brings experts into slots. @returns By slot the expert that is wanted there, else -1. */
  private resident(experts: readonly number[]): number[] {
    const bySlot = new Array<number>(this.numSlots).fill(-1);
    // Those that are here are marked as used before others look for a place.
    for (const expert of experts) this.touch(expert);
    for (const expert of experts) bySlot[this.slotOf.get(expert) ?? this.read(expert)] = expert;
    return bySlot;
  }

  private touch(expert: number): void {
    const slot = this.slotOf.get(expert);
    if (slot === undefined) return;
    this.slotOf.delete(expert);
    this.slotOf.set(expert, slot);
  }

  private read(expert: number): number {
    const slot = this.freeSlot(expert);
    this.weights.forEach((weight, i) => {
      const { bytes } = this.slots[i]!;
      const size = bytes.length / this.numSlots;
      weight.readExpert(expert, bytes.subarray(slot * size, (slot + 1) * size));
    });
    this.slotOf.set(expert, slot);
    return slot;
  }

  /** Where there is room for all experts each has its own slot, so that rows stay in order. */
  private freeSlot(expert: number): number {
    const taken = new Set(this.slotOf.values());
    const own = expert % this.numSlots;
    if (!taken.has(own)) return own;
    if (taken.size < this.numSlots) return Array.from({ length: this.numSlots }, (_, slot) => slot).find((slot) => !taken.has(slot))!;
    const [oldest, slot] = this.slotOf.entries().next().value!;
    this.slotOf.delete(oldest);
    return slot;
  }
}

/** All caches of experts in a model. */
export function expertCaches(model: object): ExpertCache[] {
  return Object.values(partsByPath(model, (value) => value instanceof ExpertCache));
}

/** What one round made. */
interface Part {
  /** The rows of x that it took. */
  readonly rows: readonly number[];
  /** True if these are the first ones as they are; then `y_ND` goes on with the others, as 0. */
  readonly isInOrder: boolean;
  readonly y_ND: Tensor2D;
}

/** `[N]` int32: where each row went in the results of all rounds; -1 for rows that went nowhere. */
function inverseOf(parts: readonly Part[], numRows: number): Tensor1D {
  const inverse = new Int32Array(numRows).fill(-1);
  let start = 0;
  for (const { rows, y_ND } of parts) {
    rows.forEach((row, i) => (inverse[row] = start + i));
    start += y_ND.shape[0];
  }
  return tf.tensor1d(inverse, "int32");
}
