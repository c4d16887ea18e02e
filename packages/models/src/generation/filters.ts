/** Filters of a distribution. Weights are probabilities up to a factor; what a filter drops becomes 0. */

/** Keeps the `k` largest, and those equal to the last of them. */
export function keepLargest(weights: Float64Array, k: number): Float64Array {
  if (k >= weights.length) return weights;
  const last = weights.slice().sort()[weights.length - k]!;
  return weights.map((weight) => (weight < last ? 0 : weight));
}

/** Keeps the largest that together reach `share` of the total, and those equal to the last of them. */
export function keepNucleus(weights: Float64Array, share: number): Float64Array {
  if (share >= 1) return weights;
  const sorted = weights.slice().sort().reverse();
  const goal = share * sum(weights);
  let reached = 0;
  const last = sorted.find((weight) => (reached += weight) >= goal) ?? 0;
  return weights.map((weight) => (weight < last ? 0 : weight));
}

/** Keeps those of at least `fraction` of the largest. */
export function keepLikely(weights: Float64Array, fraction: number): Float64Array {
  if (fraction <= 0) return weights;
  const least = fraction * weights.reduce((a, b) => Math.max(a, b), 0);
  return weights.map((weight) => (weight < least ? 0 : weight));
}

/**
 * Keeps those whose surprise `-log p` is nearest to the entropy, until they reach `share` of the total, and those as near
 * as the last of them.
 */
export function keepTypical(weights: Float64Array, share: number): Float64Array {
  if (share >= 1) return weights;
  const total = sum(weights);
  const surprises = weights.map((weight) => -Math.log(weight / total));
  const entropy = weights.reduce((all, weight, id) => (weight > 0 ? all + (weight / total) * surprises[id]! : all), 0);
  const distances = surprises.map((surprise) => Math.abs(surprise - entropy));
  const order = Array.from(weights.keys()).sort((a, b) => distances[a]! - distances[b]!);
  let reached = 0;
  const last = order.find((id) => (reached += weights[id]!) >= share * total) ?? order.at(-1)!;
  return weights.map((weight, id) => (distances[id]! > distances[last]! ? 0 : weight));
}

export function sum(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0);
}
