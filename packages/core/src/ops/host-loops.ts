/** Small parts of the float64 references in the case files. Not part of the published API. */
import { type HostArray, int32, mulberry32, size } from "./op-case.js";

/** A float64 result; unlike `float32` it rounds nothing, so that central differences stay exact. */
export function host(shape: readonly number[], data: Float64Array = new Float64Array(size(shape))): HostArray {
  return { shape, dtype: "float32", data };
}

/** A host array known to be there. */
export function given(array: HostArray | undefined): HostArray {
  if (!array) throw new Error("the case lacks an input that its reference reads");
  return array;
}

/** Offsets `[E + 1]` for so many rows per expert. */
export function offsetsOf(counts: readonly number[]): HostArray {
  const offsets = counts.reduce<number[]>((ends, count) => [...ends, ends.at(-1)! + count], [0]);
  return int32([offsets.length], offsets);
}

/** Calls back with each row and its expert; rows of no expert are left out. */
export function forEachRow(offsets: HostArray, visit: (row: number, expert: number) => void): void {
  for (let expert = 0; expert + 1 < offsets.data.length; expert++) {
    for (let row = offsets.data[expert]!; row < offsets.data[expert + 1]!; row++) visit(row, expert);
  }
}

/** Ids `[T, K]`: different experts for each token, and -1 in about one slot of `oneEmptyIn` (0: none). */
export function expertIds(numTokens: number, slotsPerToken: number, numExperts: number, seed: number, oneEmptyIn = 0): HostArray {
  const next = mulberry32(seed);
  const ids: number[] = [];
  for (let t = 0; t < numTokens; t++) {
    const first = Math.floor(next() * numExperts);
    for (let k = 0; k < slotsPerToken; k++) ids.push(oneEmptyIn && next() * oneEmptyIn < 1 ? -1 : (first + k) % numExperts);
  }
  return int32([numTokens, slotsPerToken], ids);
}

/** Order, inverse and offsets of ids by definition: a stable sort with empty slots last. */
export function sortedByExpert(ids: HostArray, numExperts: number): { order: HostArray; inverse: HostArray; offsets: HostArray } {
  const bucket = (slot: number) => (ids.data[slot]! < 0 ? numExperts : ids.data[slot]!);
  const order = [...ids.data.keys()].sort((a, b) => bucket(a) - bucket(b) || a - b);
  const inverse = order.map((_, slot) => order.indexOf(slot));
  const offsets = Array.from({ length: numExperts + 1 }, (_, e) => ids.data.filter((id) => id >= 0 && id < e).length);
  return { order: int32([order.length], order), inverse: int32([order.length], inverse), offsets: int32([numExperts + 1], offsets) };
}

/** `y[row] += scale * W_e x[row] + bias_e` for every row of expert e; `[N, I]`, `[E, O, I]` to `[N, O]`. */
export function groupedLinear(x: HostArray, w: HostArray, offsets: HostArray, bias?: HostArray, scale = 1): HostArray {
  const [, outSize, inSize] = w.shape as [number, number, number];
  const y = host([x.shape[0]!, outSize]);
  forEachRow(offsets, (row, expert) => {
    for (let o = 0; o < outSize; o++) {
      let sum = 0;
      for (let i = 0; i < inSize; i++) sum += w.data[(expert * outSize + o) * inSize + i]! * x.data[row * inSize + i]!;
      y.data[row * outSize + o] = scale * sum + (bias?.data[expert * outSize + o] ?? 0);
    }
  });
  return y;
}
