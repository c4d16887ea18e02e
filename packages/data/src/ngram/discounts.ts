/** What is taken off a count of 1, 2, and 3 or more. */
export type Discounts = readonly [one: number, two: number, more: number];

/** KenLM's discounts for counts too few to estimate from. */
const FALLBACK: Discounts = [0.5, 1, 1.5];

/**
 * The three discounts of modified Kneser-Ney smoothing: with `n_r` grams of count r and `Y = n_1 / (n_1 + 2 n_2)`,
 * `D_r = r - (r + 1) Y n_(r+1) / n_r`. Where some `n_r` is 0 or a discount is not between 0 and r: 0.5, 1, 1.5.
 *
 * @source Chen and Goodman 1998, "An empirical study of smoothing techniques", eq. 26; fallback of KenLM (Heafield 2013).
 */
export function estimateDiscounts(counts: Int32Array): Discounts {
  const n = [0, 0, 0, 0, 0];
  for (const count of counts) if (count <= 4) n[count]!++;
  const y = n[1]! / (n[1]! + 2 * n[2]!);
  const discounts = [1, 2, 3].map((r) => r - ((r + 1) * y * n[r + 1]!) / n[r]!) as [number, number, number];
  const usable = n.slice(1).every((count) => count > 0) && discounts.every((discount, i) => discount > 0 && discount <= i + 1);
  return usable ? discounts : FALLBACK;
}

/** The discount of a count; 0 for 0. */
export function discountOf(discounts: Discounts, count: number): number {
  return count === 0 ? 0 : discounts[Math.min(count, 3) - 1]!;
}
