import { randomUniform } from "@moekit/core";

/** The numbers from 0 to `size - 1` in random order: a pure function of seed and stream (Fisher-Yates). */
export function permutation(size: number, seed: number, stream: string): Int32Array {
  const order = Int32Array.from({ length: size }, (_, i) => i);
  const draws = randomUniform(size, { seed, stream });
  for (let i = size - 1; i > 0; i--) {
    const j = Math.floor(draws[i]! * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
